package main

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"

	"tfs/bench/h2"
)

// Header blocks without the dynamic table, so that nothing has to be kept between them (RFC 7541 appendix A has the indexes).
var (
	// :status 200 and content-type.
	answerHeaders = append([]byte{0x88, 0x0f, 0x10, 16}, "application/grpc"...)
	okTrailers    = statusTrailer("0")
	// wrongBody is DATA_LOSS: the proxy changed the request.
	wrongBody = statusTrailer("15")
)

func statusTrailer(code string) []byte {
	block := append([]byte{0x00, 11}, "grpc-status"...)
	return append(append(block, byte(len(code))), code...)
}

// firstSettings let a client send all that it has.
var firstSettings = h2.AppendSettings(nil, h2.SettingMaxStreams, 65535, h2.SettingInitialWindow, h2.WideWindow)

// askedMetadata is the only metadata_field that there is; it tells a GetModelMetadata request from a Predict.
var askedMetadata = []byte("signature_def")

// A body shorter than this may be a GetModelMetadata request.
const metadataRequestMax = 256

type conn struct {
	*options
	net net.Conn

	mu          sync.Mutex // held while frames are handled and answers written; a delayed answer comes from a timer
	out         []byte
	window      int64 // what the peer lets us send on the connection
	peerInitial int64 // and on a stream that has had no WINDOW_UPDATE
	queue       []answer
	credit      map[uint32]int64 // WINDOW_UPDATEs of streams, kept only if the answer may need more than peerInitial

	bodies map[uint32]*body // requests whose body came in more than one frame
	due    []answer         // requests that ended in this turn
	taken  int              // bytes of DATA since the last renewal of the connection's window
}

// body is how much of a request has come.
type body struct {
	length   int
	wrong    bool
	kept     []byte // only if bodies are captured
	answered bool   // a stream's first message is, and with it its headers are sent
}

// answer is what is left to send of one.
type answer struct {
	stream  uint32
	started bool   // its headers are sent
	data    []byte // what is not sent yet
	sent    int    // bytes of data that are
	trailer []byte // nil if the stream goes on
}

func serve(c net.Conn, o *options) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(h2.Preface))); err != nil {
		return
	}
	k := &conn{options: o, net: c, window: h2.DefaultWindow, peerInitial: h2.DefaultWindow, credit: map[uint32]int64{}, bodies: map[uint32]*body{}}
	if _, err := c.Write(h2.AppendWindowUpdate(bytes.Clone(firstSettings), 0, h2.ConnectionCredit)); err != nil {
		return
	}
	in := h2.NewReader(c)
	for in.Fill() == nil {
		k.mu.Lock()
		for frame, ok := in.Next(); ok; frame, ok = in.Next() {
			k.handle(frame)
		}
		if k.taken > h2.RenewAfter {
			k.out = h2.AppendWindowUpdate(k.out, 0, k.taken)
			k.taken = 0
		}
		k.schedule()
		k.flush()
		k.mu.Unlock()
	}
}

func (k *conn) handle(f h2.Frame) {
	switch f.Type {
	case h2.Data:
		k.taken += len(f.Payload)
		k.data(f)
	case h2.Headers:
		if f.Has(h2.EndStream) {
			k.end(f.Stream, body{})
		}
	case h2.Reset:
		delete(k.bodies, f.Stream)
		delete(k.credit, f.Stream)
	case h2.Settings:
		if !f.Has(h2.Ack) {
			f.EachSetting(func(id uint16, value uint32) {
				if id == h2.SettingInitialWindow {
					k.peerInitial = int64(value)
				}
			})
			k.out = h2.AppendHeader(k.out, 0, h2.Settings, h2.Ack, 0)
		}
	case h2.Ping:
		if !f.Has(h2.Ack) {
			k.out = h2.AppendFrame(k.out, h2.Ping, h2.Ack, 0, f.Payload)
		}
	case h2.WindowUpdate:
		if f.Stream == 0 {
			k.window += f.Increment()
		} else if int64(len(k.answer)) > k.peerInitial {
			k.credit[f.Stream] += f.Increment()
		}
	}
}

// data checks a piece of a request body. Most bodies are one frame, and then nothing is kept.
func (k *conn) data(f h2.Frame) {
	content, b := f.Content(), k.bodies[f.Stream]
	if b == nil {
		b = &body{}
		if !f.Has(h2.EndStream) {
			k.bodies[f.Stream] = b
		}
	}
	if k.stream {
		k.messages(f, b, content)
		return
	}
	if k.want != nil && (b.length+len(content) > len(k.want) || !bytes.Equal(k.want[b.length:b.length+len(content)], content)) {
		b.wrong = true
	}
	b.length += len(content)
	if k.capture != nil || (k.metadata != nil && b.length <= metadataRequestMax) {
		b.kept = append(b.kept, content...)
	}
	if f.Has(h2.EndStream) {
		delete(k.bodies, f.Stream)
		k.end(f.Stream, *b)
	}
}

// messages answers each message of a stream when it is whole. One that is wrong ends the stream.
func (k *conn) messages(f h2.Frame, b *body, content []byte) {
	for len(content) > 0 && !b.wrong {
		n := min(len(k.want)-b.length, len(content))
		b.wrong = !bytes.Equal(k.want[b.length:b.length+n], content[:n])
		b.length += n
		content = content[n:]
		if b.length == len(k.want) && !b.wrong {
			k.due = append(k.due, answer{stream: f.Stream, data: k.answer, started: b.answered})
			b.length, b.answered = 0, true
		}
	}
	switch {
	case b.wrong:
		k.due = append(k.due, answer{stream: f.Stream, started: b.answered, trailer: wrongBody})
	case f.Has(h2.EndStream):
		k.due = append(k.due, answer{stream: f.Stream, started: b.answered, trailer: okTrailers})
	default:
		return
	}
	delete(k.bodies, f.Stream)
}

func (k *conn) end(stream uint32, b body) {
	a := answer{stream: stream, data: k.answer, trailer: okTrailers}
	switch {
	case k.metadata != nil && b.length <= metadataRequestMax && bytes.Contains(b.kept, askedMetadata):
		a.data = k.metadata
	case k.want != nil && (b.wrong || b.length != len(k.want)):
		a.trailer = wrongBody
	case k.capture != nil:
		k.capture(b.kept)
	}
	k.due = append(k.due, a)
}

// schedule queues the answers of this turn, at once or by one timer for all of them.
func (k *conn) schedule() {
	if k.delay == 0 {
		k.queue = append(k.queue, k.due...)
		k.due = k.due[:0]
		k.answerQueue()
		return
	}
	if len(k.due) > 0 {
		due := k.due
		k.due = nil
		time.AfterFunc(k.delay, func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.queue = append(k.queue, due...)
			k.answerQueue()
			k.flush()
		})
	}
	k.answerQueue()
}

// answerQueue appends as much of the waiting answers as the windows let through.
func (k *conn) answerQueue() {
	waiting := k.queue[:0]
	for _, a := range k.queue {
		if !k.send(&a) {
			waiting = append(waiting, a)
		}
	}
	k.queue = waiting
}

// send appends what may be sent of one answer, and tells whether that was the rest of it.
func (k *conn) send(a *answer) bool {
	if !a.started {
		a.started = true
		k.out = h2.AppendFrame(k.out, h2.Headers, h2.EndHeaders, a.stream, answerHeaders)
	}
	for len(a.data) > 0 {
		room := min(int64(h2.DefaultMaxFrame), k.window, k.peerInitial+k.credit[a.stream]-int64(a.sent), int64(len(a.data)))
		if room <= 0 {
			return false
		}
		k.out = h2.AppendFrame(k.out, h2.Data, 0, a.stream, a.data[:room])
		a.data = a.data[room:]
		a.sent += int(room)
		k.window -= room
	}
	if a.trailer == nil {
		return true
	}
	k.out = h2.AppendFrame(k.out, h2.Headers, h2.EndHeaders|h2.EndStream, a.stream, a.trailer)
	delete(k.credit, a.stream)
	return true
}

func (k *conn) flush() {
	if len(k.out) == 0 {
		return
	}
	// An error shows at the next read.
	_, _ = k.net.Write(k.out)
	k.out = k.out[:0]
}
