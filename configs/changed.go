package configs

import "reflect"

// Changed returns the names of the keys whose values differ, in the order of
// [Keys].
func Changed(a, b Config) []string {
	var names []string
	for _, f := range fields() {
		if !reflect.DeepEqual(f.value(&a).Interface(), f.value(&b).Interface()) {
			names = append(names, f.Name)
		}
	}
	return names
}
