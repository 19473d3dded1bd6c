// The process that keeps a cluster: it starts the components, and when it stops nothing of them is left.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What lies in DIR, beside NAME.pid and NAME.log of every component.
const (
	kubeconfigFile = "admin.kubeconfig"
	pidFile        = "cluster.pid"
	logFile        = "cluster.log"
	stateDir       = "state" // keys, etcd's data, the working directories of pods
)

const (
	superviseCommand = "supervise"
	reportFD         = 3
	readyReport      = "ready\n"
)

// cluster is what a supervisor knows of its components.
type cluster struct {
	dir, state, bin string

	mu    sync.Mutex // held over a start, so that nobody is reaped before it is known
	names map[int]string
}

func supervise(dir string) error {
	report := os.NewFile(reportFD, "report")
	syscall.CloseOnExec(reportFD)
	defer report.Close()
	resetSignals() // also makes a write to a caller that has gone an error, and not our end
	err := keep(dir, report)
	if err != nil {
		fmt.Fprintln(report, err)
	}
	return err
}

func keep(dir string, report *os.File) error {
	lock, err := lockCluster(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	fmt.Fprintln(lock, os.Getpid())
	log, err := os.Create(filepath.Join(dir, logFile))
	if err != nil {
		return err
	}
	defer log.Close()

	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := &cluster{dir: dir, state: filepath.Join(dir, stateDir), bin: filepath.Dir(self), names: map[int]string{}}
	// Orphans come to us instead of to init, so that killing our descendants kills what pods have left behind.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	up := make(chan error, 1)
	go func() { up <- c.start(ctx) }()
	err = c.watch(up, report)
	cancel()
	killDescendants()
	if err != nil {
		fmt.Fprintln(log, err)
	}
	return err
}

// watch returns nil when the cluster is told to stop, and an error when it has to.
func (c *cluster) watch(up chan error, report *os.File) error {
	stop, children := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(children, syscall.SIGCHLD)
	abandoned := make(chan struct{})
	go func() {
		if n, _ := os.Stdin.Read(make([]byte, 1)); n == 0 {
			close(abandoned)
		}
	}()
	for {
		select {
		case err := <-up:
			if err != nil {
				return err
			}
			report.WriteString(readyReport)
		case <-children:
			if err := c.reap(); err != nil {
				return err
			}
		case <-abandoned:
			return nil
		case <-stop:
			return nil
		}
	}
}

// reap lets go of children that have ended; it is an error that a component has.
func (c *cluster) reap() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 {
			return nil
		}
		if name := c.names[pid]; name != "" {
			return c.blame(name, "has ended with "+describe(status))
		}
	}
}

// launch starts a component of the cluster, with its output in DIR/NAME.log.
func (c *cluster) launch(ctx context.Context, name, binary string, args ...string) error {
	log, err := os.Create(filepath.Join(c.dir, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.bin, binary), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.state, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := spawn(cmd.Start); err != nil {
		return fmt.Errorf("%s does not start: %w", name, err)
	}
	// Wait is not called: all children, also those that were handed to us, are reaped in one place.
	pid := cmd.Process.Pid
	c.names[pid] = name
	return os.WriteFile(filepath.Join(c.dir, name+".pid"), fmt.Appendln(nil, pid), 0o644)
}

// blame is an error that says what is wrong with a component and shows the end of its log.
func (c *cluster) blame(name, what string) error {
	path := filepath.Join(c.dir, name+".log")
	text, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(0, len(lines)-15):]
	return fmt.Errorf("%s %s; the end of %s:\n%s", name, what, path, strings.Join(lines, "\n"))
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprint("exit code ", status.ExitStatus())
}

// killDescendants returns when this process has none any more.
func killDescendants() {
	for {
		// Who is orphaned by this round is our child in the next one.
		processes(func(pid int) {
			if parent(pid) == os.Getpid() {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		})
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.ECHILD) {
				return
			}
			if pid <= 0 && err != syscall.EINTR {
				break
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}
