package comparison

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	// halfMax bounds a half round in time.
	halfMax = 3 * time.Minute
	// endMax is how long a child has to end by itself when the run is over.
	endMax = 10 * time.Second
)

var errHalfLate = errors.New("the half round took too long")

// child runs the order in a process of its own.
func child(ctx context.Context, command []string, o order) (measures, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, halfMax, errHalfLate)
	defer cancel()
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	// The end of its input tells the child that the run is over.
	c.Cancel = in.Close
	c.WaitDelay = endMax
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start a process for the half round: %w", err)
	}
	_, err = in.Write(append(text, '\n'))
	if waitErr := c.Wait(); waitErr != nil {
		err = waitErr
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(complaints.String()))
	}
	_, _ = os.Stderr.Write(complaints.Bytes())
	var m measures
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		return nil, fmt.Errorf("read the measures of a half round: %w: %.200q", err, out.String())
	}
	return m, nil
}
