package validation

import (
	"crypto/sha256"
	"sync"
)

// Cache keeps schemas compiled, by what they say. The zero value is ready.
type Cache struct {
	mu    sync.Mutex
	all   map[[sha256.Size]byte]*Schema
	bytes int
}

// cacheBytes bounds the schemas that are kept, as text.
const cacheBytes = 4 << 20

// Compile is [Compile], once for each text while there is room.
func (c *Cache) Compile(text []byte, at string) (*Schema, error) {
	sum := sha256.Sum256(text)
	c.mu.Lock()
	known := c.all[sum]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	s, err := Compile(text, at)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes += len(text); c.all == nil || c.bytes > cacheBytes {
		c.all, c.bytes = map[[sha256.Size]byte]*Schema{}, len(text)
	}
	c.all[sum] = s
	return s, nil
}
