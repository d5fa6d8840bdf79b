package component

import "fmt"

// Resume is a startup that another process has opened, to be reported by this one: a probe, or a supervisor that was
// started again. packet is what MetaGate answered with, Packet.Raw. Nothing is asked or opened, and the secrets that
// the packet requires are not looked for. Its errors are what is wrong with cfg or packet; cfg.Component may be empty,
// and is then the packet's.
func Resume(cfg Config, packet []byte) (*Startup, error) {
	if cfg.Component == "" {
		p, err := readPacket(packet, "")
		if p.ComponentKey == "" {
			return nil, fmt.Errorf("metagate: packet: %w", err)
		}
		cfg.Component = p.ComponentKey
	}
	c, err := newCaller(cfg)
	if err != nil {
		return nil, err
	}
	s := &Startup{caller: c, turn: make(chan struct{}, 1)}
	if s.packet, err = readPacket(packet, c.Component); err != nil {
		return nil, fmt.Errorf("metagate: packet: %w", err)
	}
	return s, nil
}
