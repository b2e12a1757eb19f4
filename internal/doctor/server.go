package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// slotsAll is the number of slots of a Cluster.
const slotsAll = 16384

// version holds Redis to 6.2, the first with all commands of Legwork's scripts.
// Valkey tells the version of Redis that it is compatible with, and its own apart.
func version(_ context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		text, err := n.field("redis_version")
		if err != nil {
			return unknown(CodeVersion, err)
		}
		major, minor, err := parseVersion(text)
		if err != nil {
			return unknown(CodeVersion, err)
		}
		shown := "Redis " + text
		if valkey := n.info["valkey_version"]; valkey != "" {
			shown = "Valkey " + valkey
		}
		switch {
		case major < 6 || major == 6 && minor < 2:
			f := fail(CodeVersion, shown, "Legwork's scripts need Redis 6.2. Upgrade to Redis 7.2 or later, or to Valkey 8.")
			f.RefusesStart = true
			return f
		case major < 7:
			return warn(CodeVersion, shown, "It works, but gets no more fixes. Upgrade to Redis 7.2 or later, or to Valkey 8.")
		}
		return ok(CodeVersion, shown)
	})
}

func parseVersion(text string) (major, minor int, err error) {
	first, rest, _ := strings.Cut(text, ".")
	second, _, _ := strings.Cut(rest, ".")
	major, err1 := strconv.Atoi(first)
	minor, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("the version %q is not a number", text)
	}
	return major, minor, nil
}

// replication holds a server to being a master.
func replication(_ context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		role, err := n.field("role")
		if err != nil {
			return unknown(CodeReplication, err)
		}
		if role != "master" {
			return fail(CodeReplication, "a read-only replica of "+n.info["master_host"]+":"+n.info["master_port"],
				"Every write is refused (READONLY). Point redis.url at the master, or use redis-sentinel:// so that Legwork follows it.")
		}
		replicas, _ := n.info.Int("connected_slaves")
		return ok(CodeReplication, "master with "+count(int(replicas), "replica", "replicas"))
	})
}

// clusterState applies to a Cluster only, and to a member of one that is used as
// if it stood alone.
func clusterState(ctx context.Context, p *patient) []Finding {
	cc, isCluster := p.redis.(*redis.ClusterClient)
	if !isCluster {
		if p.nodes[0].info["cluster_enabled"] == "1" {
			return []Finding{fail(CodeCluster, "a member of a Cluster, reached as a single server",
				"Keys of other members are out of reach (MOVED). Write redis.url as redis-cluster://host:port,host:port.")}
		}
		return nil
	}
	text, err := cc.ClusterInfo(ctx).Result()
	if err != nil {
		return []Finding{unknown(CodeCluster, err)}
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	served, _ := strconv.Atoi(fields["cluster_slots_ok"])
	value := fmt.Sprintf("%s; %d of %d slots served by %s", fields["cluster_state"], served, slotsAll, count(len(p.nodes), "master", "masters"))
	switch {
	case fields["cluster_state"] != "ok":
		return []Finding{fail(CodeCluster, value, "Commands are refused (CLUSTERDOWN). Bring the missing masters back or promote their replicas: redis-cli --cluster check HOST:PORT says which.")}
	case served < slotsAll:
		return []Finding{fail(CodeCluster, value, "Queues in the missing slots do not work. redis-cli --cluster fix HOST:PORT assigns them.")}
	}
	return []Finding{ok(CodeCluster, value)}
}
