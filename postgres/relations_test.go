package postgres

import (
	"slices"
	"testing"
)

// TestRelations follows a partitioned table, one of whose partitions is written
// to directly, and a view: a late commit comes all the same.
func TestRelations(t *testing.T) {
	for name, schema := range map[string]string{
		"partitions": `ALTER TABLE vibe_events RENAME TO old; CREATE SEQUENCE ids;
			CREATE TABLE vibe_events (event_id bigint NOT NULL DEFAULT nextval('ids'), task_id text NOT NULL, event_message text,
				severity text, event_time bigint) PARTITION BY RANGE (event_id);
			CREATE TABLE leaf PARTITION OF vibe_events FOR VALUES FROM (1) TO (1000)`,
		"view": `ALTER TABLE vibe_events RENAME TO leaf; CREATE VIEW vibe_events AS SELECT * FROM leaf`,
	} {
		t.Run(name, func(t *testing.T) {
			onVersions(t, func(t *testing.T, a *app) {
				a.setJob(t, "job", "running")
				a.exec(t, schema)
				f := follow(t, opened(t, a.dsn))
				tx := a.begin(t)
				var late int64
				sequence := map[string]string{"partitions": "ids", "view": "vibe_events_event_id_seq"}[name]
				if err := tx.QueryRow(t.Context(), `INSERT INTO leaf (event_id, task_id, event_message)
					VALUES (nextval($1), 'job', 'late') RETURNING event_id`, sequence).Scan(&late); err != nil {
					t.Fatal(err)
				}
				a.exec(t, `INSERT INTO leaf (event_id, task_id, event_message) VALUES (nextval($1), 'job', 'early')`, sequence)
				f.until("the early row", func() bool { return slices.Contains(f.got, late+1) })
				for range 5 {
					if err := f.tick(); err != nil {
						t.Fatal(err)
					}
				}
				if f.tail.Position().Covers(late) {
					t.Errorf("the position is %s beside a writer of row %d", f.tail.Position(), late)
				}
				if err := tx.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.until("the late row", func() bool { return slices.Contains(f.got, late) })
				f.compare(a, 0)
			})
		})
	}
}
