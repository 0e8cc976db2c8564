package e2e

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestCrash kills Caddy ten times at random moments, in the middle of whatever
// it does, and starts it again. Every client goes on by itself: it gets every
// line, each once.
func TestCrash(t *testing.T) {
	onBothStores(t, config{binary: plainCaddy, jobs: "poll_interval 50ms"}, func(t *testing.T, a *app, s *server) {
		const job, kills, burst = "crash", 10, 50
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		a.addJob(t, job)
		a.log(t, job, burst, "backlog %d")
		url := s.https + "/jobs/" + job + "/logs"
		var watching []*transcript
		for _, c := range reconnecting {
			watching = append(watching, c.start(t, s, url))
		}
		for _, tr := range watching {
			tr.awaitLines(t, burst)
		}
		for kill := range kills {
			// One of the clients is on its way, perhaps in the middle of the burst;
			// what the others do is up to chance.
			waited := watching[random.IntN(len(watching))]
			now, _ := waited.look()
			a.log(t, job, burst, "before a kill %d")
			if random.IntN(2) == 0 {
				waited.awaitLines(t, len(now.lines)+1+random.IntN(burst))
			}
			wait(t.Context(), time.Duration(random.IntN(20_000))*time.Microsecond) // what is random is the moment
			s.crash(t)
			a.log(t, job, burst, "while it is dead %d")
			s.launch(t)
			if kill%2 == 0 {
				for _, tr := range watching {
					tr.awaitLines(t, burst*(2*kill+3))
				}
			}
		}
		a.setState(t, job, "completed")
		want := a.rows(t, job)
		for _, tr := range watching {
			tr.awaitEnd(t, "completed", want)
			now, _ := tr.look()
			if len(now.responses) <= kills/2 {
				t.Errorf("%s was cut off only %d times: %v", tr.name, len(now.responses)-1, now.responses)
			}
			t.Logf("%s: responses %v", tr.name, now.responses)
		}
	})
}

// TestOtherNode ends a node under clients while another one serves the same
// database: the clients go on there, while rows come all the time.
func TestOtherNode(t *testing.T) {
	c := config{jobs: "poll_interval 50ms"}
	onBothStores(t, c, func(t *testing.T, a *app, first *server) {
		const job, burst = "moving", 20
		c := config{jobs: c.jobs, store: a.store, like: first}
		second := start(t, c)
		a.addJob(t, job)
		a.log(t, job, burst, "backlog %d")
		var relays []*relay
		var watching []*transcript
		for _, client := range reconnecting {
			r := newRelay(t, first.https[len("https://localhost"):])
			relays = append(relays, r)
			watching = append(watching, client.start(t, first, "https://localhost:"+r.port()+"/jobs/"+job+"/logs"))
		}
		for _, tr := range watching {
			tr.awaitLines(t, burst)
		}
		for _, r := range relays {
			r.lead(second.https[len("https://localhost"):])
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			first.stop(t)
		}()
		bursts := 0
		for going := true; going; bursts++ {
			a.log(t, job, burst, "while a node ends %d")
			select {
			case <-stopped:
				going = false
			case <-time.After(50 * time.Millisecond): // bursts are apart
			}
		}
		for _, tr := range watching {
			tr.awaitLines(t, burst*(bursts+1))
		}
		a.log(t, job, burst, "after the end of a node %d")
		a.setState(t, job, "completed")
		want := a.rows(t, job)
		for _, tr := range watching {
			tr.awaitEnd(t, "completed", want)
			now, _ := tr.look()
			if len(now.responses) < 2 {
				t.Errorf("%s got the responses %v: it did not move", tr.name, now.responses)
			}
		}
	})
}
