package stream

// ringBytes is how much the ring keeps: some seconds of 5,000 startups a second.
const ringBytes = 32 << 20

// ring has what was told last. Its frames have numbers, so that each listener has no
// more of its own than the number of the next.
type ring struct {
	frames []*frame
	first  uint64   // the number of frames[0]
	start  Position // of who knows all that came before frames[0]
	bytes  int
}

// next is the number of the frame that comes next.
func (r *ring) next() uint64 { return r.first + uint64(len(r.frames)) }

// add lets go of what there is no room for.
func (r *ring) add(frames []*frame) {
	r.frames = append(r.frames, frames...)
	for _, f := range frames {
		r.bytes += f.bytes
	}
	drop := 0
	for ; r.bytes > ringBytes && drop < len(r.frames)-1; drop++ {
		f := r.frames[drop]
		r.bytes -= f.bytes
		r.start = r.start.farther(Position{Change: f.change, Time: f.time + 1, Event: f.seq})
	}
	if drop > 0 {
		r.frames, r.first = append([]*frame(nil), r.frames[drop:]...), r.first+uint64(drop)
	}
}

// since are the frames from a number on; false if some of them are gone.
func (r *ring) since(number uint64) ([]*frame, bool) {
	if number < r.first {
		return nil, false
	}
	return r.frames[number-r.first:], true
}
