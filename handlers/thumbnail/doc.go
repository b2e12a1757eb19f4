// Package thumbnail is the shipped job type "image.thumbnail": it reads a
// picture from the operator's folder and writes a smaller one next to it.
//
// JPEG, PNG, WebP and GIF (its first frame) are read, JPEG and PNG written. The
// EXIF orientation of a JPEG is applied, so the thumbnail stands upright in any
// program; other metadata and colour profiles are left behind.
//
// # Sizes
//
// With fit "contain" the whole picture fits into width by height; with only one
// of them the other follows. With "cover" the middle is cut to the ratio of
// width to height. A picture is never enlarged: a smaller source keeps its size
// (for "cover", its size after the cut).
//
// # Files
//
// Source and target are paths inside [Options.Dir]; nothing outside can be read
// or written, whatever ".." or links say. The target appears complete or not at
// all, its parent folders are made, and a second run replaces it with the same
// picture. An existing file that is no picture is never replaced. A worker that
// is killed while writing leaves a file named .legwork-*.tmp, which can go.
//
// # What is permanent
//
// A missing, unreadable or too large source and a bad path are permanent. What
// may pass (a full disk, a missing permission) is tried again.
//
// # Memory
//
// The size is read from the file's header first, and a picture over
// [Options.MaxPixels] is not decoded. A picture takes 4 to 20 bytes a
// pixel while it is worked on; no more than one per processor is, others wait.
package thumbnail
