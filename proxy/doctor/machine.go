package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// socket looks whether the peer protocol can have its port.
func socket(ctx context.Context, listen string) Check {
	if listen == "" {
		listen = ":0"
	}
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return well("socket", "UDP "+listen+" is in use", "The gateway has it, if it runs.", "If it does not, choose another port in peer.listen.")
	case err != nil:
		return unwell("socket", oneLine(err), "The peer protocol has no socket.", "Choose an address of this machine in peer.listen, or leave it out.")
	}
	defer conn.Close()
	return well("socket", "UDP "+conn.LocalAddr().String(), "The peer protocol can have a socket.", "")
}

// page looks whether the gateway runs, or could.
func page(ctx context.Context, address string) Check {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return unwell("page", oneLine(err), "The page has no address.", "Write http.listen as HOST:PORT, or :PORT.")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	at := "http://" + net.JoinHostPort(host, port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/healthz", nil)
	if err != nil {
		return unwell("page", oneLine(err), "The page has no address.", "Write http.listen as HOST:PORT, or :PORT.")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return well("page", "not running", "No gateway runs at "+at+"/.", "Start it: systemctl start swarmgate, or swarmgate run.")
	case err != nil:
		return unwell("page", oneLine(err), "What runs at "+at+"/ does not answer.", "Restart it, or choose another port in http.listen.")
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return unwell("page", answer.Status, "Another program, or a gateway that is not well, is at "+at+"/.", "Look at its log, or choose another port in http.listen.")
	}
	return well("page", at+"/", "The gateway runs.", "")
}

// little is the room on a disk below which films hardly fit.
const little = 1 << 30

// disk looks whether the state can be kept. A disk that hangs can't be interrupted: who looks at it is left behind.
func disk(ctx context.Context, dir string) Check {
	found := make(chan Check, 1)
	go func() { found <- lookAtDisk(dir) }()
	select {
	case c := <-found:
		return c
	case <-ctx.Done():
		return unwell("disk", dir+" does not answer", "The disk hangs, or is one of the network that is away.", "Look at the disk, or choose another folder in dir.")
	}
}

func lookAtDisk(dir string) Check {
	at := dir
	_, err := os.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) { // made at the first start
		at = filepath.Dir(at)
		_, err = os.Stat(at)
	}
	if err == nil {
		err = tryWriting(at)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return unwell("disk", dir+" is full", "The gateway forgets what is new: channels, places in films, peers.", "Delete something, or choose another folder in dir.")
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return unwell("disk", dir+" can't be written", "This user can keep no state there.", "Run this as the gateway's user (sudo -u swarmgate swarmgate doctor), or choose another folder by --dir.")
	case err != nil:
		return unwell("disk", oneLine(err), "The gateway can keep no state.", "Choose another folder in dir, or by --dir.")
	}
	free, known := freeSpace(at)
	if !known {
		return well("disk", dir, "It can be written.", "")
	}
	value := fmt.Sprintf("%s, %.1f GB free", dir, float64(free)/1e9)
	if free < little {
		return unwell("disk", value, "Films hardly fit.", "Make room, or choose a folder on another disk in buffer.film_dir.")
	}
	return well("disk", value, "It can be written.", "")
}

// tryWriting makes a file that lasts, and removes it.
func tryWriting(dir string) error {
	f, err := os.CreateTemp(dir, ".swarmgate-doctor-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("Swarmgate was here.\n")
	return errors.Join(err, f.Sync(), f.Close())
}
