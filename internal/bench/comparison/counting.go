package comparison

const sideUncounted = "Legwork, nothing counted"

// counting tells what the statistics cost: the same backlog with and without them.
func counting() scenario {
	return scenario{
		name:  "counting",
		about: "a backlog of 100,000 no-op jobs of 100 bytes, with statistics and without; the difference is small: use --rounds 20",
		sides: []side{
			{name: sideLegwork, concurrency: drainConcurrency},
			{name: sideUncounted, peer: true, concurrency: drainConcurrency, uncounted: true},
		},
		fill:    fillBacklog,
		measure: measureBacklog,
		metrics: []metric{
			{name: "rate", unit: "jobs/s", compare: true, promise: &promise{ratio: true, bound: 0.97}},
			{name: "redis_cpu", unit: "us/job", lower: true, compare: true},
			{name: "go_cpu", unit: "us/job", lower: true, compare: true},
		},
	}
}
