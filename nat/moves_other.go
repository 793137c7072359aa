//go:build !linux

package nat

import "errors"

// followSystem is for systems that tell of changes; on others addresses are read from time to time.
func followSystem() (changed <-chan struct{}, end func(), err error) {
	return nil, nil, errors.ErrUnsupported
}
