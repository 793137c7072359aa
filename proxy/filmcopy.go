package proxy

import (
	"io"
	"os"
)

const (
	forwardStep = 4 << 20   // bytes that are verified and then handed on at once
	copyStep    = 256 << 10 // bytes of a read that waits for the swarm
)

// Forward copies src to w if it is a film of this package, or the beginning of one: what was
// verified since the start goes straight from the file, by w's ReadFrom, in which the system
// need not copy it. It returns false, and has done nothing, for any other source.
//
// It is for writers of HTTP responses, whose ReadFrom is given a film (io.LimitedReader of a
// Film) by http.ServeContent, and by Forward then a file (io.LimitedReader of *os.File).
func Forward(w io.Writer, src io.Reader) (n int64, ok bool, err error) {
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		return 0, false, nil
	}
	r, ok := limited.R.(*filmReader)
	if !ok {
		return 0, false, nil
	}
	n, err = r.forward(w, limited.N)
	limited.N -= n
	return n, true, err
}

// FromFile tells whether src is a part of a file, as Forward hands it on.
func FromFile(src io.Reader) bool {
	limited, ok := src.(*io.LimitedReader)
	if ok {
		_, ok = limited.R.(*os.File)
	}
	return ok
}

// forward writes n bytes from the current place on, less at the end of the film.
func (r *filmReader) forward(w io.Writer, n int64) (int64, error) {
	direct, _ := w.(io.ReaderFrom)
	var file *os.File
	if direct != nil {
		if f, err := r.film.file.Reopen(); err == nil { // else all goes the longer way
			file = f
			defer file.Close()
		}
	}
	var buf []byte
	n = min(n, r.size-r.pos)
	for done := int64(0); done < n; {
		if file != nil {
			part, err := r.handOn(direct, file, min(n-done, forwardStep))
			done += part
			if err != nil {
				return done, err
			}
			if part > 0 {
				continue
			}
		}
		if buf == nil {
			buf = make([]byte, copyStep)
		}
		part, err := r.Read(buf[:min(n-done, copyStep)])
		if part > 0 {
			part, err = w.Write(buf[:part])
		}
		done += int64(part)
		if err != nil {
			return done, err
		}
	}
	return max(n, 0), nil
}

// handOn lets w read up to n bytes from the file, 0 if the first is not there.
func (r *filmReader) handOn(w io.ReaderFrom, file *os.File, n int64) (int64, error) {
	good, err := r.film.file.Verified(r.pos, n)
	if good == 0 || err != nil {
		return 0, nil // Read tells why, or waits
	}
	r.move()
	if _, err := file.Seek(r.pos, io.SeekStart); err != nil {
		return 0, err
	}
	part, err := w.ReadFrom(&io.LimitedReader{R: file, N: good})
	r.pos += part
	if err == nil && part < good {
		err = io.ErrUnexpectedEOF
	}
	return part, err
}
