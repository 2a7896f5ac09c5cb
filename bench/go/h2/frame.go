// Package h2 holds the little of HTTP/2 (RFC 9113) that the load generator and the backend stub share: frame headers, and a reader that splits a
// connection into frames without allocating. It validates nothing that a correct peer would not send.
package h2

import (
	"encoding/binary"
	"errors"
	"io"
)

// Preface is what a client sends first (RFC 9113 section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Frame types (RFC 9113 section 6).
const (
	Data         = 0
	Headers      = 1
	Reset        = 3
	Settings     = 4
	Ping         = 6
	GoAway       = 7
	WindowUpdate = 8
	Continuation = 9
)

// Flags of the frames above.
const (
	EndStream  = 1
	Ack        = 1
	EndHeaders = 4
	Padded     = 8
	Priority   = 32
)

// Settings (RFC 9113 section 6.5.2).
const (
	SettingTableSize     = 1
	SettingPush          = 2
	SettingMaxStreams    = 3
	SettingInitialWindow = 4
	SettingMaxFrame      = 5
)

// DefaultWindow is the size of every flow-control window before anyone changes it.
const DefaultWindow = 65535

// DefaultMaxFrame is the largest payload that may be sent without leave.
const DefaultMaxFrame = 16384

// WideWindow is the largest initial window of a stream.
const WideWindow = 1<<31 - 1

// ConnectionCredit widens a connection's window from its default by as much as both ends of the benchmark ever let be outstanding.
const ConnectionCredit = 1 << 30

// RenewAfter is how many bytes of DATA are taken before the connection's window is renewed.
const RenewAfter = 1 << 28

// Frame is one frame; Payload is only valid until the next Fill.
type Frame struct {
	Type, Flags byte
	Stream      uint32
	Payload     []byte
}

// Has tells whether a flag is set.
func (f Frame) Has(flag byte) bool { return f.Flags&flag != 0 }

// Fragment is the header block fragment of HEADERS or CONTINUATION, without padding and priority.
func (f Frame) Fragment() []byte {
	p := f.Payload
	if f.Type != Headers {
		return p
	}
	if f.Has(Padded) {
		p = p[1 : len(p)-int(p[0])]
	}
	if f.Has(Priority) {
		p = p[5:]
	}
	return p
}

// Content is the payload of DATA without padding.
func (f Frame) Content() []byte {
	if f.Has(Padded) {
		return f.Payload[1 : len(f.Payload)-int(f.Payload[0])]
	}
	return f.Payload
}

// EachSetting calls visit with every setting of a SETTINGS frame.
func (f Frame) EachSetting(visit func(id uint16, value uint32)) {
	for p := f.Payload; len(p) >= 6; p = p[6:] {
		visit(binary.BigEndian.Uint16(p), binary.BigEndian.Uint32(p[2:]))
	}
}

// Increment is the credit of a WINDOW_UPDATE.
func (f Frame) Increment() int64 { return int64(binary.BigEndian.Uint32(f.Payload) & 0x7fffffff) }

// AppendHeader appends a frame header for a payload of the given length.
func AppendHeader(out []byte, length int, kind, flags byte, stream uint32) []byte {
	return append(out, byte(length>>16), byte(length>>8), byte(length), kind, flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

// AppendFrame appends a whole frame.
func AppendFrame(out []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	return append(AppendHeader(out, len(payload), kind, flags, stream), payload...)
}

// AppendSettings appends a SETTINGS frame; pairs are (id, value).
func AppendSettings(out []byte, pairs ...uint32) []byte {
	out = AppendHeader(out, len(pairs)*3, Settings, 0, 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = binary.BigEndian.AppendUint16(out, uint16(pairs[i]))
		out = binary.BigEndian.AppendUint32(out, pairs[i+1])
	}
	return out
}

// AppendWindowUpdate appends credit for a stream, or for the connection (stream 0).
func AppendWindowUpdate(out []byte, stream uint32, credit int) []byte {
	return binary.BigEndian.AppendUint32(AppendHeader(out, 4, WindowUpdate, 0, stream), uint32(credit))
}

// Buffers start small, because some shapes have thousands of connections, and grow to the largest when a read fills them.
const smallestBuffer, largestBuffer = 32 << 10, 256 << 10

var errFrameTooLarge = errors.New("a frame larger than the read buffer")

// Reader splits a connection into frames.
type Reader struct {
	source     io.Reader
	buffer     []byte
	start, end int
}

// NewReader reads from source, which begins with a frame.
func NewReader(source io.Reader) *Reader {
	return &Reader{source: source, buffer: make([]byte, smallestBuffer)}
}

// Fill waits for more bytes. It moves what is left, so frames handed out before are gone.
func (r *Reader) Fill() error {
	switch {
	case r.start == r.end:
		r.start, r.end = 0, 0
	case len(r.buffer)-r.end < DefaultMaxFrame+9:
		r.end = copy(r.buffer, r.buffer[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buffer) {
		return errFrameTooLarge
	}
	n, err := r.source.Read(r.buffer[r.end:])
	r.end += n
	if r.end == len(r.buffer) && len(r.buffer) < largestBuffer {
		grown := make([]byte, largestBuffer)
		r.end = copy(grown, r.buffer[r.start:r.end])
		r.start, r.buffer = 0, grown
	}
	return err
}

// Next gives the next whole frame, or false when Fill is due.
func (r *Reader) Next() (Frame, bool) {
	have := r.buffer[r.start:r.end]
	if len(have) < 9 {
		return Frame{}, false
	}
	length := int(have[0])<<16 | int(have[1])<<8 | int(have[2])
	if len(have) < 9+length {
		return Frame{}, false
	}
	r.start += 9 + length
	return Frame{
		Type:    have[3],
		Flags:   have[4],
		Stream:  binary.BigEndian.Uint32(have[5:]) & 0x7fffffff,
		Payload: have[9 : 9+length],
	}, true
}
