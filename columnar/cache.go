package columnar

import (
	"slices"
	"sync"
)

// cacheBytes is about how much memory the decoded blocks of a File take. One block may be
// larger, and those that are being read from are kept besides.
const cacheBytes = 64 << 20

// key names a block: a record batch or a page of a shard.
type key struct{ shard, group, page int }

// block is what was decoded, and how many are reading it.
type block[T any] struct {
	key    key
	values []T
	users  int
}

// cache keeps the blocks that were used last. Its methods may be called from any number of
// goroutines at once.
type cache[T any] struct {
	mu     sync.Mutex
	size   func([]T) int // bytes of a block
	blocks []*block[T]   // the one used last is the first
	spare  []T           // memory of a block that was dropped
}

// use calls f with the block k, which decode makes if it is not there. decode may use the
// memory it is given; it is called by each goroutine that does not find the block.
func (c *cache[T]) use(k key, decode func(memory []T) ([]T, error), f func(values []T) error) error {
	b, memory := c.find(k)
	if b == nil {
		values, err := decode(memory)
		if err != nil {
			return err
		}
		b = c.add(&block[T]{key: k, values: values, users: 1})
	}
	defer c.release(b)
	return f(b.values)
}

// find returns the block k, or memory to make it in.
func (c *cache[T]) find(k key) (*block[T], []T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, b := range c.blocks {
		if b.key == k {
			copy(c.blocks[1:i+1], c.blocks[:i])
			c.blocks[0] = b
			b.users++
			return b, nil
		}
	}
	memory := c.spare
	c.spare = nil
	return nil, memory
}

// add adds the block, which is in use, and drops others, those used last the latest.
func (c *cache[T]) add(b *block[T]) *block[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = slices.Insert(c.blocks, 0, b)
	kept := c.size(b.values)
	for i := 1; i < len(c.blocks); i++ {
		old := c.blocks[i]
		size := c.size(old.values)
		if kept+size <= cacheBytes && old.key != b.key {
			kept += size
			continue
		}
		c.blocks = slices.Delete(c.blocks, i, i+1)
		i--
		if old.users == 0 {
			c.spare = old.values
		}
	}
	return b
}

// release says that the block is no longer read from.
func (c *cache[T]) release(b *block[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.users--
}

// numbersSize returns the bytes of numbers.
func numbersSize(values []float64) int { return 8 * len(values) }

// textsSize returns the bytes of texts.
func textsSize(values []string) int {
	size := 16 * len(values)
	for _, text := range values {
		size += len(text)
	}
	return size
}
