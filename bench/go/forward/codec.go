package main

import "google.golang.org/grpc/mem"

// message is one gRPC message as it came: one of the two.
type message struct {
	copied []byte
	shared mem.BufferSlice
}

// copying is a codec that keeps messages as slices.
type copying struct{}

func (copying) Name() string { return "proto" }

func (copying) Marshal(v any) ([]byte, error) { return v.(*message).copied, nil }

func (copying) Unmarshal(data []byte, v any) error {
	v.(*message).copied = append([]byte(nil), data...)
	return nil
}

// sharing is a codec that hands grpc-go's buffers on.
type sharing struct{}

func (sharing) Name() string { return "proto" }

func (sharing) Marshal(v any) (mem.BufferSlice, error) {
	data := v.(*message).shared
	data.Ref() // grpc frees what it has written; the handler frees its own
	return data, nil
}

func (sharing) Unmarshal(data mem.BufferSlice, v any) error {
	data.Ref() // grpc frees what it has delivered
	v.(*message).shared = data
	return nil
}
