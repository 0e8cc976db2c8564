package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	frameHead = 9
	stream    = 1         // of the one request on a connection
	window    = 1<<31 - 1 // bytes: the largest there is
	refill    = 1 << 30   // after so many bytes the windows are opened again
)

// http2c decodes the response to the one request of a connection of HTTP/2.
// It opens its windows so far that it need not care about them for a gigabyte.
type http2c struct {
	head  [frameHead]byte
	have  int    // bytes of head
	left  int    // bytes of the payload
	part  []byte // of the payload of a frame that is not DATA
	taken int64  // bytes of DATA since the windows were opened
}

func (d *http2c) request(host, path, after string) []byte {
	var b, block bytes.Buffer
	b.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&b, nil)
	e := hpack.NewEncoder(&block)
	fields := [][2]string{
		{":method", "GET"}, {":scheme", "https"}, {":authority", host}, {":path", path}, {"accept", "text/event-stream"},
	}
	if after != "" {
		fields = append(fields, [2]string{"last-event-id", after})
	}
	for _, h := range fields {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // to memory
	}
	err := errors.Join(
		f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}, http2.Setting{ID: http2.SettingEnablePush}),
		f.WriteWindowUpdate(0, window-65535),
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}),
	)
	if err != nil {
		panic(err) // to memory
	}
	return b.Bytes()
}

func (d *http2c) decode(b []byte, w io.Writer, body func([]byte) error) error {
	for {
		if d.have < frameHead {
			n := copy(d.head[d.have:], b)
			d.have += n
			b = b[n:]
			if d.have < frameHead {
				return nil
			}
			d.left = int(d.head[0])<<16 | int(d.head[1])<<8 | int(d.head[2])
		}
		n := min(d.left, len(b))
		d.left -= n
		if err := d.payload(b[:n], w, body); err != nil {
			return err
		}
		b = b[n:]
		if d.left > 0 {
			return nil
		}
		d.have = 0
	}
}

// payload takes a part of a frame's payload, the last one if d.left is 0.
func (d *http2c) payload(b []byte, w io.Writer, body func([]byte) error) error {
	flags := http2.Flags(d.head[4])
	if kind := http2.FrameType(d.head[3]); kind != http2.FrameData {
		d.part = append(d.part, b...)
		if d.left > 0 {
			return nil
		}
		defer func() { d.part = d.part[:0] }()
		return d.control(kind, flags, w)
	}
	if flags.Has(http2.FlagDataPadded) {
		return errors.New("the server pads its frames")
	}
	if err := body(b); err != nil {
		return err
	}
	if d.left == 0 && flags.Has(http2.FlagDataEndStream) {
		return io.EOF
	}
	if d.taken += int64(len(b)); d.taken > refill {
		n := uint32(d.taken)
		d.taken = 0
		f := http2.NewFramer(w, nil)
		return errors.Join(f.WriteWindowUpdate(0, n), f.WriteWindowUpdate(stream, n))
	}
	return nil
}

// control takes a whole frame that is not DATA.
func (d *http2c) control(kind http2.FrameType, flags http2.Flags, w io.Writer) error {
	f := http2.NewFramer(w, nil)
	switch {
	case kind == http2.FrameSettings && !flags.Has(http2.FlagSettingsAck):
		return f.WriteSettingsAck()
	case kind == http2.FramePing && !flags.Has(http2.FlagPingAck):
		return f.WritePing(true, [8]byte(d.part))
	case kind == http2.FrameHeaders:
		return checkStatus(d.part)
	case kind == http2.FrameGoAway && graceful(d.part):
		return nil
	case kind == http2.FrameRSTStream, kind == http2.FrameGoAway:
		return fmt.Errorf("%w: the server sends %v %d", errBroken, kind, binary.BigEndian.Uint32(d.part[len(d.part)-4:]))
	}
	return nil
}

// graceful reports whether a GOAWAY lets the stream go on: no other can be
// begun on the connection.
func graceful(payload []byte) bool {
	last, code := binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:])
	return last >= stream && code == uint32(http2.ErrCodeNo)
}

func checkStatus(block []byte) error {
	fields, err := hpack.NewDecoder(4096, nil).DecodeFull(block)
	if err != nil {
		return fmt.Errorf("the head of the response: %w", err)
	}
	for _, f := range fields {
		switch {
		case f.Name == ":status" && f.Value == "204":
			return errNothing
		case f.Name == ":status" && f.Value != "200":
			return fmt.Errorf("the server answers %s", f.Value)
		}
	}
	return nil
}
