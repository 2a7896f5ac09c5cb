package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"
	"tfs/bench/h2"
)

// grpcClient is one HTTP/2 connection with unary gRPC calls on it.
type grpcClient struct {
	*options
	conn net.Conn
	in   *h2.Reader

	mu      sync.Mutex // the pacer begins calls while run handles frames
	out     []byte
	streams map[uint32]*call
	blocked []*call     // calls whose body waits for window, oldest first
	idle    []*call     // ended calls, to be used again
	due     []time.Time // calls of the open loop that wait for a stream which the peer allows, oldest first
	next    uint32
	now     time.Time // of the turn: when bytes came in
	dead    bool

	window, peerInitial int64
	maxFrame, maxCalls  int
	maxStreams          int  // what the peer allows
	open                bool // calls begin when the pacer says so, not when another ends
	calls               int  // in flight, of the closed loop
	greeted             bool // the peer's first SETTINGS came, and with them the first calls began
	taken               int  // bytes of DATA since the last renewal of the connection's window

	encoder  *hpack.Encoder
	encoded  bytes.Buffer
	usual    []byte // the block of a call whose headers are all in the peer's table
	headers  *blockReader
	fragment []byte // of a header block in several frames
	ends     bool   // the stream ends with this block
}

// call is one request and its answer.
type call struct {
	stream   uint32
	began    time.Time
	sent     int
	window   int64
	received int
	status   string // grpc-status, from trailers
	wrong    bool   // the answer's body is not what it should be
}

func newGRPCClient(conn net.Conn, o *options) *grpcClient {
	k := &grpcClient{options: o, streams: map[uint32]*call{}, maxCalls: o.calls, open: o.openLoop, calls: o.calls}
	k.connect(conn)
	return k
}

// connect begins anew on a connection.
func (k *grpcClient) connect(conn net.Conn) {
	k.conn, k.in, k.next, k.greeted, k.dead = conn, h2.NewReader(conn), 1, false, false
	k.window, k.peerInitial, k.maxFrame, k.maxStreams = h2.DefaultWindow, h2.DefaultWindow, h2.DefaultMaxFrame, math.MaxInt
	k.blocked, k.idle, k.taken, k.usual = nil, nil, 0, nil
	k.encoder, k.headers = hpack.NewEncoder(&k.encoded), newBlockReader()
	k.out = append(k.out[:0], h2.Preface...)
	k.out = h2.AppendSettings(k.out, h2.SettingPush, 0, h2.SettingInitialWindow, h2.WideWindow)
	k.out = h2.AppendWindowUpdate(k.out, 0, h2.ConnectionCredit)
	k.flush()
}

// redialAfter is how long a client of the open loop waits for the next connection when one breaks: servers cut those on which too many calls were given up.
const redialAfter = 100 * time.Millisecond

func (k *grpcClient) run() {
	if k.timeout > 0 {
		go k.giveUp()
	}
	for {
		k.read()
		if !k.openLoop {
			return
		}
		time.Sleep(redialAfter)
		if conn, err := k.dial(); err == nil {
			k.mu.Lock()
			k.connect(conn)
			k.mu.Unlock()
		}
	}
}

// read serves the connection until it breaks.
func (k *grpcClient) read() {
	for {
		err := k.in.Fill()
		k.mu.Lock()
		k.now = time.Now()
		for frame, ok := k.in.Next(); ok; frame, ok = k.in.Next() {
			k.handle(frame)
		}
		if k.taken > h2.RenewAfter {
			k.out = h2.AppendWindowUpdate(k.out, 0, k.taken)
			k.taken = 0
		}
		k.flush()
		if err != nil {
			k.dead = true
			k.tally.fail("connection: "+err.Error(), max(1, len(k.streams)))
			clear(k.streams)
			k.due = k.due[:0]
		}
		k.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (k *grpcClient) begin(due []time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		k.tally.fail("connection is gone", len(due))
		return
	}
	if k.greeted && k.open { // before that, the peer's limits are not known
		k.due = append(k.due, due...)
		k.startDue()
		k.flush()
	}
}

func (k *grpcClient) keep(calls int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open, k.calls, k.due = calls < 0, max(0, calls), k.due[:0]
	k.maxCalls = min(k.calls, k.maxStreams)
	if k.greeted && !k.dead && !k.open {
		k.now = time.Now()
		for len(k.streams) < k.maxCalls {
			k.start(k.now)
		}
		k.flush()
	}
}

// startDue starts what waits, as far as the peer allows.
func (k *grpcClient) startDue() {
	started := 0
	for ; started < len(k.due) && len(k.streams) < k.maxStreams; started++ {
		k.start(k.due[started])
	}
	k.due = append(k.due[:0], k.due[started:]...)
}

// lookEvery is how often it is looked for calls whose time is over.
const lookEvery = 5 * time.Millisecond

// giveUp resets calls that take too long, as clients with deadlines do, and drops those that have waited for a stream as long.
func (k *grpcClient) giveUp() {
	for range time.Tick(lookEvery) {
		k.mu.Lock()
		latest := time.Now().Add(-k.timeout)
		late := 0
		for late < len(k.due) && k.due[late].Before(latest) {
			late++
		}
		if late > 0 {
			k.due = append(k.due[:0], k.due[late:]...)
			k.tally.fail("out of time before a stream was free", late)
		}
		for id, c := range k.streams {
			if c.began.Before(latest) {
				k.out = h2.AppendFrame(k.out, h2.Reset, 0, id, []byte{0, 0, 0, h2Cancel})
				k.end(id, "out of time")
			}
		}
		k.flush()
		k.mu.Unlock()
	}
}

// h2Cancel is CANCEL (RFC 9113, section 7).
const h2Cancel = 8

func (k *grpcClient) inFlight() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.streams)
}

func (k *grpcClient) handle(f h2.Frame) {
	switch f.Type {
	case h2.Data:
		k.taken += len(f.Payload)
		k.data(f)
	case h2.Headers:
		k.ends = f.Has(h2.EndStream)
		if !f.Has(h2.EndHeaders) {
			k.fragment = append(k.fragment[:0], f.Fragment()...)
			break
		}
		k.block(f, f.Fragment())
	case h2.Continuation:
		k.fragment = append(k.fragment, f.Payload...)
		if f.Has(h2.EndHeaders) {
			k.block(f, k.fragment)
		}
	case h2.Reset:
		k.end(f.Stream, fmt.Sprintf("RST_STREAM %d", binary.BigEndian.Uint32(f.Payload)))
	case h2.Settings:
		if !f.Has(h2.Ack) {
			k.settings(f)
		}
	case h2.Ping:
		if !f.Has(h2.Ack) {
			k.out = h2.AppendFrame(k.out, h2.Ping, h2.Ack, 0, f.Payload)
		}
	case h2.GoAway:
		k.tally.fail(fmt.Sprintf("GOAWAY %d %s", binary.BigEndian.Uint32(f.Payload[4:]), f.Payload[8:]), 1)
	case h2.WindowUpdate:
		if f.Stream == 0 {
			k.window += f.Increment()
		} else if c := k.streams[f.Stream]; c != nil {
			c.window += f.Increment()
		}
		k.unblock()
	}
}

func (k *grpcClient) settings(f h2.Frame) {
	f.EachSetting(func(id uint16, value uint32) {
		switch id {
		case h2.SettingTableSize:
			k.encoder.SetMaxDynamicTableSizeLimit(value)
			k.usual = nil
		case h2.SettingMaxStreams:
			k.maxCalls, k.maxStreams = min(k.calls, int(value)), int(value)
		case h2.SettingInitialWindow:
			for _, c := range k.streams {
				c.window += int64(value) - k.peerInitial
			}
			k.peerInitial = int64(value)
		case h2.SettingMaxFrame:
			k.maxFrame = int(value)
		}
	})
	k.out = h2.AppendHeader(k.out, 0, h2.Settings, h2.Ack, 0)
	k.unblock()
	if k.greeted {
		return
	}
	k.greeted = true
	if !k.open {
		for range k.maxCalls {
			k.start(k.now)
		}
	}
}

// start begins a call; its latency counts from began.
func (k *grpcClient) start(began time.Time) {
	c := &call{}
	if n := len(k.idle); n > 0 {
		c, k.idle = k.idle[n-1], k.idle[:n-1]
	}
	*c = call{stream: k.next, began: began, window: k.peerInitial}
	k.next += 2
	k.streams[c.stream] = c
	k.out = h2.AppendFrame(k.out, h2.Headers, h2.EndHeaders, c.stream, k.requestHeaders())
	if len(k.blocked) > 0 || !k.sendBody(c) {
		k.blocked = append(k.blocked, c)
	}
}

// requestHeaders encodes them as grpc-go does: everything goes into the dynamic table, so a grpc-timeout of its own pushes all other entries along.
func (k *grpcClient) requestHeaders() []byte {
	if k.usual != nil {
		return k.usual
	}
	timeout := "20S"
	if k.timeout > 0 {
		timeout = fmt.Sprintf("%dm", k.timeout.Milliseconds())
	}
	if k.timeouts {
		timeout = nextTimeout()
	}
	k.encoded.Reset()
	for _, h := range [...][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", k.path}, {":authority", k.target}, {"content-type", "application/grpc"},
		{"user-agent", "tfs-bench-load/1"}, {"te", "trailers"}, {"grpc-timeout", timeout},
	} {
		// A bytes.Buffer takes everything.
		_ = k.encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	if !k.timeouts && isStable(k.encoded.Bytes()) {
		k.usual = bytes.Clone(k.encoded.Bytes())
	}
	return k.encoded.Bytes()
}

// A connection's output is written when it has this much, not only at the end of a turn.
const flushBytes = 256 << 10

// sendBody appends what the windows let through, and tells whether that was the rest of it.
func (k *grpcClient) sendBody(c *call) bool {
	for c.sent < len(k.body) {
		n := min(len(k.body)-c.sent, k.maxFrame, int(min(k.window, c.window)))
		if n <= 0 {
			return false
		}
		flags := byte(0)
		if c.sent+n == len(k.body) && !k.stream {
			flags = h2.EndStream
		}
		k.out = h2.AppendFrame(k.out, h2.Data, flags, c.stream, k.body[c.sent:c.sent+n])
		c.sent += n
		c.window -= int64(n)
		k.window -= int64(n)
		if len(k.out) >= flushBytes {
			k.flush()
		}
	}
	return true
}

func (k *grpcClient) unblock() {
	waiting := k.blocked[:0]
	for _, c := range k.blocked {
		if k.streams[c.stream] == c && !k.sendBody(c) {
			waiting = append(waiting, c)
		}
	}
	k.blocked = waiting
}

func (k *grpcClient) data(f h2.Frame) {
	if c := k.streams[f.Stream]; c != nil {
		content := f.Content()
		end := c.received + len(content)
		if end > len(k.want) || !bytes.Equal(k.want[c.received:end], content) {
			c.wrong = true
		}
		c.received = end
		switch {
		case !k.stream: // judged when its trailers are there
		case c.wrong:
			k.end(f.Stream, "another body than expected")
		case end == len(k.want):
			k.again(c)
		}
	}
	if f.Has(h2.EndStream) {
		k.end(f.Stream, "ended without trailers")
	}
}

// again counts the answer of a stream and sends its next message.
func (k *grpcClient) again(c *call) {
	k.tally.succeed(k.now.Sub(c.began))
	c.received = 0
	if k.once {
		return
	}
	c.sent, c.began = 0, k.now
	if !k.sendBody(c) {
		k.blocked = append(k.blocked, c)
	}
}

func (k *grpcClient) block(f h2.Frame, block []byte) {
	fields, err := k.headers.read(block)
	if err != nil {
		k.end(f.Stream, err.Error())
		return
	}
	c := k.streams[f.Stream]
	if c == nil {
		return
	}
	if fields.grpcStatus != "" {
		c.status = fields.grpcStatus
	}
	switch {
	case fields.httpStatus != "" && fields.httpStatus != "200":
		k.end(f.Stream, "HTTP "+fields.httpStatus)
	case !k.ends: // headers; trailers are to come
	case c.status == "":
		k.end(f.Stream, "ended without grpc-status")
	case c.status != "0":
		k.end(f.Stream, "grpc-status "+c.status+" "+fields.grpcMessage)
	case c.wrong || c.received != len(k.want):
		k.end(f.Stream, fmt.Sprintf("another body than expected, of %d bytes", c.received))
	case k.stream:
		k.end(f.Stream, "the stream ended")
	default:
		k.end(f.Stream, "")
	}
}

// end counts a call and begins the next one. An empty why is success.
func (k *grpcClient) end(stream uint32, why string) {
	c := k.streams[stream]
	if c == nil {
		return
	}
	delete(k.streams, stream)
	if why == "" {
		k.tally.succeed(k.now.Sub(c.began))
	} else {
		k.tally.fail(why, 1)
	}
	if c.sent == len(k.body) { // else it may still be in blocked
		k.idle = append(k.idle, c)
	}
	if k.open {
		k.startDue()
	} else if !k.once && len(k.streams) < k.maxCalls {
		k.start(k.now)
	}
}

func (k *grpcClient) flush() {
	if len(k.out) == 0 {
		return
	}
	// An error shows at the next read.
	_, _ = k.conn.Write(k.out)
	k.out = k.out[:0]
}
