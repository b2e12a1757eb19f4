package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	master    = "mymaster"
	sentinels = 3
	masters   = 3
	slots     = 16384
)

// Sentinel starts a master, a replica, and three Sentinels that need two votes
// to promote the replica. They do so within a few seconds of
// Nodes[0].Kill().
func Sentinel(t testing.TB) Instance {
	t.Helper()
	m := data(t)
	replica := data(t, "--replicaof", "127.0.0.1", strconv.Itoa(m.port))
	i := Instance{t: t, Nodes: []*Node{m, replica}, parts: []part{m, replica}}
	replica.until("INFO replication", "master_link_status:up")
	var addrs []string
	for range sentinels {
		s := watcher(t, m)
		i.Sentinels = append(i.Sentinels, s)
		addrs = append(addrs, s.Addr())
	}
	for _, s := range i.Sentinels {
		s.until("INFO sentinel", "status=ok", "slaves=1", fmt.Sprintf("sentinels=%d", sentinels))
		s.until("SENTINEL CKQUORUM "+master, "OK ")
	}
	i.URL = fmt.Sprintf("redis-sentinel://%s/%s", strings.Join(addrs, ","), master)
	i.Client = i.Open()
	return i
}

// data starts a server that replicates at once when asked to.
func data(t testing.TB, args ...string) *Node {
	t.Helper()
	n := &Node{t: t, tcp: true}
	n.args = func() []string {
		return slices.Concat(n.listen("--port"), []string{"--repl-diskless-sync-delay", "0"}, args)
	}
	n.start()
	return n
}

// watcher starts a Sentinel. The periods that DEBUG shortens are 2 s and 10 s;
// the longer trigger keeps a busy machine from passing for a jump of the clock,
// which would stop the Sentinel for 30 s.
func watcher(t testing.TB, m *Node) *Node {
	t.Helper()
	s := &Node{t: t, tcp: true, dir: shortDir(t)}
	conf := filepath.Join(s.dir, "sentinel.conf")
	s.prepare = func() {
		text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor %s 127.0.0.1 %d 2\n"+
			"sentinel down-after-milliseconds %[3]s 1000\nsentinel failover-timeout %[3]s 3000\n",
			s.port, s.dir, master, m.port)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.args = func() []string { return []string{conf, "--sentinel"} }
	s.start()
	s.do("SENTINEL DEBUG publish-period 100 info-period 200 tilt-trigger 20000")
	return s
}

// Cluster starts a Cluster of three masters that share the slots.
func Cluster(t testing.TB) Instance {
	t.Helper()
	return ClusterWith(t)
}

// ClusterWith is [Cluster] with further arguments for each node.
func ClusterWith(t testing.TB, args ...string) Instance {
	t.Helper()
	i := Instance{t: t}
	var addrs []string
	for range masters {
		n := &Node{t: t, tcp: true}
		n.args = func() []string {
			return slices.Concat(n.listen("--port"), []string{
				"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(n.bus), "--cluster-node-timeout", "2000",
			}, args)
		}
		n.start()
		i.Nodes, i.parts, addrs = append(i.Nodes, n), append(i.parts, n), append(addrs, n.Addr())
	}
	for k, n := range i.Nodes {
		n.do(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", k+1))
		n.do(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", k*slots/masters, (k+1)*slots/masters-1))
		if k > 0 {
			i.Nodes[0].do(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %d", n.port, n.bus))
		}
	}
	for _, n := range i.Nodes {
		n.until("CLUSTER INFO", "cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", masters))
	}
	i.URL = "redis-cluster://" + strings.Join(addrs, ",")
	i.Client = i.Open()
	return i
}
