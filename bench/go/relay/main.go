// relay is the floor of the comparison: it reads bytes from one socket and writes them to another and looks at none of them, in one thread, by bare system
// calls. No proxy that reads into its own memory takes less than it does, give or take how it groups its reads; what a proxy takes more is the proxy's.
// Each connection of a caller gets one to the backend, so it can stand before one backend only.
package main

import (
	"flag"
	"log"
	"net"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"
)

// forever is a timeout for epoll.
const forever = -1

// half is one direction: bytes from `from` that `to` has not taken wait in the buffer.
type half struct {
	from, to int
	buffer   []byte
	waiting  []byte
	// full was the last read: there may be more at once.
	full bool
	// blocked says that `to` is waited for.
	blocked bool
}

// pair is a caller's connection and the one to the backend that goes with it.
type pair struct{ there, back half }

type relay struct {
	poll   int
	pairs  map[int32]*pair
	size   int
	target syscall.Sockaddr
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8006", "address to listen on")
	backend := flag.String("backend", "127.0.0.1:9001", "address of the backend")
	size := flag.Int("buffer", 256<<10, "bytes to read at a time")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(-1)

	poll, err := syscall.EpollCreate1(0)
	check("epoll_create", err)
	r := &relay{poll: poll, pairs: map[int32]*pair{}, size: *size, target: address(*backend)}
	listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	check("socket", err)
	check("reuse", syscall.SetsockoptInt(listener, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	check("bind", syscall.Bind(listener, address(*listen)))
	check("listen", syscall.Listen(listener, 1024))
	r.watch(syscall.EPOLL_CTL_ADD, listener, syscall.EPOLLIN)

	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := bare(syscall.SYS_EPOLL_PWAIT, poll, unsafe.Pointer(&events[0]), len(events), forever)
		if err == syscall.EINTR {
			continue
		}
		check("epoll_pwait", err)
		for _, event := range events[:n] {
			if int(event.Fd) == listener {
				r.accept(listener)
			} else if p := r.pairs[event.Fd]; p != nil {
				r.serve(p, event)
			}
		}
	}
}

func (r *relay) accept(listener int) {
	caller, _, err := syscall.Accept4(listener, syscall.SOCK_NONBLOCK)
	if err != nil {
		return
	}
	backend, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	check("socket", err)
	if err := syscall.Connect(backend, r.target); err != nil {
		syscall.Close(caller)
		syscall.Close(backend)
		return
	}
	check("nonblock", syscall.SetNonblock(backend, true))
	p := &pair{
		there: half{from: caller, to: backend, buffer: make([]byte, r.size)},
		back:  half{from: backend, to: caller, buffer: make([]byte, r.size)},
	}
	for _, fd := range []int{caller, backend} {
		check("nodelay", syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
		r.watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN)
		r.pairs[int32(fd)] = p
	}
}

func (r *relay) serve(p *pair, event syscall.EpollEvent) {
	read, written := &p.there, &p.back
	if int(event.Fd) == p.back.from {
		read, written = &p.back, &p.there
	}
	blocked := [2]bool{p.there.blocked, p.back.blocked}
	open := true
	if event.Events&syscall.EPOLLOUT != 0 {
		open = written.pump()
	}
	if open && event.Events&^syscall.EPOLLOUT != 0 && !read.blocked {
		open = read.pump()
	}
	if !open {
		for _, fd := range []int{p.there.from, p.back.from} {
			syscall.Close(fd)
			delete(r.pairs, int32(fd))
		}
		return
	}
	if blocked != [2]bool{p.there.blocked, p.back.blocked} {
		r.watch(syscall.EPOLL_CTL_MOD, p.there.from, wanted(&p.there, &p.back))
		r.watch(syscall.EPOLL_CTL_MOD, p.back.from, wanted(&p.back, &p.there))
	}
}

// wanted is what to hear of a socket: whether it can be read, unless what was read has not left, and whether it can be written where that is waited for.
func wanted(read, written *half) uint32 {
	var events uint32
	if !read.blocked {
		events |= syscall.EPOLLIN
	}
	if written.blocked {
		events |= syscall.EPOLLOUT
	}
	return events
}

// pump passes on until there is nothing to read or no room to write; false says that the connection is over.
func (h *half) pump() bool {
	for {
		if len(h.waiting) == 0 {
			n, err := bare(syscall.SYS_READ, h.from, unsafe.Pointer(&h.buffer[0]), len(h.buffer), 0)
			if err == syscall.EAGAIN {
				return true
			}
			if err != nil || n == 0 {
				return false
			}
			h.waiting, h.full = h.buffer[:n], n == len(h.buffer)
		}
		n, err := bare(syscall.SYS_WRITE, h.to, unsafe.Pointer(&h.waiting[0]), len(h.waiting), 0)
		if err == syscall.EAGAIN {
			h.blocked = true
			return true
		}
		if err != nil {
			return false
		}
		h.waiting = h.waiting[n:]
		if len(h.waiting) > 0 {
			continue
		}
		h.blocked = false
		if !h.full {
			return true
		}
	}
}

func (r *relay) watch(operation, fd int, events uint32) {
	check("epoll_ctl", syscall.EpollCtl(r.poll, operation, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)}))
}

// bare makes a system call that Go's scheduler knows nothing of: it would take a long one for a reason to start another thread.
func bare(number, fd int, memory unsafe.Pointer, size, last int) (int, error) {
	n, _, errno := syscall.RawSyscall6(uintptr(number), uintptr(fd), uintptr(memory), uintptr(size), uintptr(last), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func address(text string) syscall.Sockaddr {
	parsed, err := net.ResolveTCPAddr("tcp4", text)
	check("address", err)
	to := &syscall.SockaddrInet4{Port: parsed.Port}
	copy(to.Addr[:], parsed.IP.To4())
	return to
}

func check(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}
