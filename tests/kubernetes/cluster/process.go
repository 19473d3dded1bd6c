// A process in a pod, be it the main one of a container or that of an exec.
package main

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser // nil when nobody may write to it
	tty    *os.File       // nil without a terminal
	copied chan struct{}  // closed when all output of the terminal has been passed on
}

func startProcess(cmd *exec.Cmd, tty, stdin bool, out, errOut io.Writer) (*process, error) {
	p := &process{cmd: cmd, copied: make(chan struct{})}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if !tty {
		cmd.Stdout, cmd.Stderr = out, errOut
		if stdin {
			pipe, err := cmd.StdinPipe()
			if err != nil {
				return nil, err
			}
			p.stdin = pipe
		}
		return p, spawn(cmd.Start)
	}
	err := spawn(func() (err error) {
		p.tty, err = pty.Start(cmd)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.stdin = p.tty
	if out == nil {
		out = io.Discard
	}
	go func() {
		io.Copy(out, p.tty) // ends with an error when nobody has the terminal open any more
		close(p.copied)
	}()
	return p, nil
}

// awaitExit returns when the process has ended, but leaves it a zombie: its group cannot be another one yet.
func (p *process) awaitExit() {
	for unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// wait returns the exit code when the process has ended and all its output has been passed on.
func (p *process) wait() int {
	p.cmd.Wait()
	if p.tty != nil {
		select {
		case <-p.copied:
		case <-time.After(time.Second): // somebody in the background keeps the terminal open
		}
		p.tty.Close()
	}
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

func (p *process) signal(s syscall.Signal) { syscall.Kill(-p.cmd.Process.Pid, s) }

func (p *process) resize(sizes <-chan remotecommand.TerminalSize) {
	conn, err := p.tty.SyscallConn() // unlike the number of the file, safe while the terminal is being closed
	if err != nil {
		return
	}
	for size := range sizes {
		conn.Control(func(fd uintptr) {
			unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Height, Col: size.Width})
		})
	}
}
