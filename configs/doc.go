// Package configs holds Legwork's configuration: its types, its defaults, and
// how it is read and checked.
//
// Four layers make a [Config], each over the one before:
//
//	Default()          every key has a default, so no file is needed
//	a YAML file        configs/legwork.yaml shows every key
//	the environment    LEGWORK_HTTP_ADDR, LEGWORK_REDIS_URL, ...
//	flags              --http-addr, --redis-url, ...
//
// [Load] reads them and reports everything that is wrong at once, each
// mistake as an [Error] with its place and its fix:
//
//	legwork.yaml:12:16: worker.concurrency: must be 0 to 10000, not 20000 [fix: write at most 10000 (...)]
//	    12 |   concurrency: 20000
//	       |                ^
//
// A value is written the same way in all layers: durations as Go durations
// ("1m30s", never a bare number), sizes as a [ByteSize] ("512KiB"), lists
// separated by commas outside YAML ("api,worker"), queues as "critical:6,default:3".
// A list or a map replaces the one of the layer below. A key without a value
// in YAML, and an empty variable, count as not set.
//
// The file is plain YAML: one document, a mapping at the top, at most 1 MiB.
// Unknown and repeated keys are refused, and so are anchors, aliases, merge
// keys and tags, which no setting needs and which can blow a small file up.
//
// The struct tags of Config are the only list of keys: yaml, env and envPrefix
// name them, doc describes them, range and oneof bound them, secret hides
// them. [Keys] returns that list for help texts and documentation.
//
// Files that a value names (certificates, password files) are not opened
// here; whoever uses them does that.
package configs
