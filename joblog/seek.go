package joblog

import (
	"context"
	"slices"
)

// TailPassed is how many rows that do not pass the filters are passed over at most
// to find the newest ones that do, counted in pages of PassedRows.
const TailPassed = 500_000

// seek finds the cursor after which there are as many rows as the viewer
// wants, or fewer if TailPassed rows do not pass the filters. It pages backwards,
// since these decide which rows count. Beside many holes a store would look through
// few ids a page, so it is asked for rows in them, too; these come later.
func (s *Stream) seek(ctx context.Context) (start Cursor, err error) {
	q := s.query(Cursor{})
	q.UpTo = Cursor{N: s.target.N}
	if q.Last = true; q.Rank == 0 && q.Since == 0 {
		q.Limit = min(s.opts.Tail, PageRows)
	}
	start = s.target
	for wanted, passed := s.opts.Tail, 0; wanted > 0 && passed < TailPassed; {
		page, err := s.src.Read(ctx, q)
		if err != nil {
			return start, err
		}
		for _, e := range slices.Backward(page.Events) {
			q.UpTo = q.UpTo.Clip(e.ID - 1)
			switch {
			case !s.target.Covers(e.ID):
				continue
			case !s.opts.wants(rankOf(e.Severity), e.Millis()):
				passed++
				continue
			}
			if start, wanted = s.target.Clip(e.ID-1), wanted-1; wanted == 0 {
				return start, nil
			}
		}
		switch {
		case page.Passed > 0:
			q.UpTo = q.UpTo.Clip(page.Passed - 1)
			passed += PassedRows
		case !page.More && passed == 0:
			return Cursor{}, nil // it wants all there is
		}
		if !page.More {
			break
		}
	}
	return start, nil
}
