package thumbnail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"io"
)

// upright is the EXIF orientation of a picture that needs no turning.
const upright = 1

// JPEG markers (ITU T.81, table B.1).
const (
	markerStart   = 0xd8 // SOI
	markerScan    = 0xda // SOS: the picture itself begins
	markerExif    = 0xe1 // APP1
	markerRestart = 0xd0 // RST0, the first of eight without a length
)

// orientation finds the EXIF orientation (CIPA DC-008, 4.6.4) of a JPEG, 1 to
// 8; it is [upright] when there is none or the file is odd.
func orientation(jpeg io.Reader) int {
	r := bufio.NewReader(jpeg)
	if marker, ok := nextMarker(r); !ok || marker != markerStart {
		return upright
	}
	for {
		marker, ok := nextMarker(r)
		if !ok || marker == markerScan {
			return upright
		}
		if marker >= markerRestart && marker <= markerStart {
			continue
		}
		var length [2]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return upright
		}
		body := int(binary.BigEndian.Uint16(length[:])) - 2
		if body < 0 {
			return upright
		}
		if marker != markerExif {
			if _, err := r.Discard(body); err != nil {
				return upright
			}
			continue
		}
		segment := make([]byte, body)
		if _, err := io.ReadFull(r, segment); err != nil {
			return upright
		}
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
			return tiffOrientation(tiff)
		}
	}
}

// nextMarker reads a marker with the fill bytes before it.
func nextMarker(r *bufio.Reader) (byte, bool) {
	if b, err := r.ReadByte(); err != nil || b != 0xff {
		return 0, false
	}
	for {
		b, err := r.ReadByte()
		if err != nil || b != 0xff {
			return b, err == nil
		}
	}
}

// tiffOrientation looks for tag 0x0112 in the first directory (TIFF 6.0, 2).
func tiffOrientation(tiff []byte) int {
	const (
		tag, short = 0x0112, 3
		entrySize  = 12
	)
	var order binary.ByteOrder = binary.LittleEndian
	if bytes.HasPrefix(tiff, []byte("MM")) {
		order = binary.BigEndian
	}
	if len(tiff) < 8 || order.Uint16(tiff[2:]) != 42 {
		return upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entrySize {
			return upright
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return upright
		}
		entries = entries[entrySize:]
	}
	return upright
}

// turned reports whether an orientation swaps width and height.
func turned(orientation int) bool { return orientation >= 5 }

// turn returns the picture as it is meant to be seen.
func turn(in *image.RGBA, orientation int) *image.RGBA {
	if orientation == upright {
		return in
	}
	w, h := in.Rect.Dx(), in.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if turned(orientation) {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			to := seenAt(orientation, x, y, w, h)
			copy(out.Pix[out.PixOffset(to.X, to.Y):][:4], in.Pix[in.PixOffset(x, y):][:4])
		}
	}
	return out
}

// seenAt returns where the pixel at x, y of a w by h picture is meant to be.
func seenAt(orientation, x, y, w, h int) image.Point {
	switch orientation {
	case 2: // mirrored
		return image.Pt(w-1-x, y)
	case 3: // upside down
		return image.Pt(w-1-x, h-1-y)
	case 4: // mirrored and upside down
		return image.Pt(x, h-1-y)
	case 5: // mirrored, turned left
		return image.Pt(y, x)
	case 6: // turned left: its top is at the right
		return image.Pt(h-1-y, x)
	case 7: // mirrored, turned right
		return image.Pt(h-1-y, w-1-x)
	case 8: // turned right: its top is at the left
		return image.Pt(y, w-1-x)
	}
	return image.Pt(x, y)
}
