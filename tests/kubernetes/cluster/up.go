// The commands a person or a test gives: up, down and run.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// supervisor is our end of the process that keeps the cluster.
//
// It stops the cluster when its stdin ends, so a caller that is killed in any way takes the cluster with it;
// one byte on stdin means that the cluster is to stay.
type supervisor struct {
	stdin   io.WriteCloser
	reports io.Reader // "ready", or why it failed
	cmd     *exec.Cmd
}

func startSupervisor(dir string) (*supervisor, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	reports, reporter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reporter.Close()
	cmd := exec.Command(self, superviseCommand, dir)
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{reporter} // as reportFD; its stdout is not ours, for "$(cluster up DIR)" waits until all have closed it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &supervisor{stdin, reports, cmd}, cmd.Start()
}

func (s *supervisor) waitReady() error {
	word := make([]byte, len(readyReport))
	n, _ := io.ReadFull(s.reports, word)
	if string(word) == readyReport {
		return nil
	}
	return s.failure(word[:n])
}

func (s *supervisor) failure(begin []byte) error {
	rest, _ := io.ReadAll(s.reports)
	text := strings.TrimSpace(string(begin) + string(rest))
	if text == "" {
		text = "the supervisor of the cluster has ended"
	}
	s.cmd.Wait()
	return errors.New(text)
}

func up(dir string) error {
	s, err := startSupervisor(dir)
	if err != nil {
		return err
	}
	if err := s.waitReady(); err != nil {
		return err
	}
	_, err = s.stdin.Write([]byte{'\n'})
	return err
}

func run(dir string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	s, err := startSupervisor(dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	go func() {
		if err := s.waitReady(); err != nil {
			failed <- err
			return
		}
		fmt.Println("ready")
		failed <- s.failure(nil)
	}()
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
	case <-signals:
	}
	s.stdin.Close()
	<-failed // comes when the supervisor has ended, and it ends last
	return nil
}

func down(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := lockCluster(dir)
	for deadline := time.Now().Add(30 * time.Second); errors.Is(err, errRunning); lock, err = lockCluster(dir) {
		if time.Now().After(deadline) {
			return fmt.Errorf("the cluster in %s does not stop", dir)
		}
		text, _ := os.ReadFile(filepath.Join(dir, pidFile))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			syscall.Kill(pid, syscall.SIGTERM)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	killMarked(containerMark + dir + "/") // nothing, unless the supervisor was killed
	return removeFiles(dir)
}

var errRunning = errors.New("a cluster is running here")

// lockCluster makes the caller the only one that works in DIR, until it closes the file or ends.
func lockCluster(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, pidFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%s: %w", dir, errRunning)
		}
		return nil, err
	}
	return f, f.Truncate(0) // whose process number was in it runs no more
}

// removeFiles removes what a cluster leaves in DIR, and nothing else that may be there.
func removeFiles(dir string) error {
	names := []string{pidFile, logFile, kubeconfigFile, stateDir}
	for _, name := range components {
		names = append(names, name+".pid", name+".log")
	}
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return removeAuditLogs(dir)
}
