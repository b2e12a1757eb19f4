package control

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// order is the payload of planted jobs, about 300 bytes.
type order struct {
	Number   int      `json:"number"`
	Customer customer `json:"customer"`
	Items    []item   `json:"items"`
	Note     string   `json:"note"`
	Callback string   `json:"callback"`
}

type customer struct {
	ID      int    `json:"id"`
	Email   string `json:"email"`
	Country string `json:"country"`
}

type item struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Cents    int    `json:"cents"`
}

// queues are those that jobs are planted in, and the types of each.
func queues() map[string][]string {
	return map[string][]string{
		"mail":    {"email.send", "email.digest"},
		"billing": {"invoice.send", "payment.capture"},
		"media":   {"image.thumbnail", "video.transcode"},
		"sync":    {"crm.sync", "webhook.deliver"},
		"reports": {"report.build", "export.write"},
	}
}

// types are all of queues, in an order of their own.
func types() []string {
	var all []string
	for _, queue := range []string{"mail", "billing", "media", "sync", "reports"} {
		all = append(all, queues()[queue]...)
	}
	return all
}

const (
	// retriesMax is what a planted job has left when its first attempt fails.
	retriesMax = 5
	// panicEvery, twiceEvery and rareEvery say which of the jobs panic, fail twice,
	// and fail with a word that hardly another error has.
	panicEvery = 50
	twiceEvery = 4
	rareEvery  = 10_000
	rareAt     = 7
	// rareWord and rareExpression fit the errors of one job in rareEvery, absentWord
	// none, everyWord all payloads.
	rareWord       = "certificate"
	rareExpression = `/verify (certificate|host name): .*serial \d+$/`
	absentWord     = "nowhere-to-be-found"
	everyWord      = "shop.example.com"
	// payloadField has rareValue in one job in customers.
	payloadField = "payload.customer.id"
	rareValue    = "4242"
	rareCustomer = 4242
	customers    = 5000
)

// newJob returns the job of a number; its type and with it its queue go by turns.
func newJob(number int) (client.Enqueue, error) {
	countries := []string{"DE", "FR", "US", "JP", "BR"}
	payload, err := json.Marshal(order{
		Number:   number,
		Customer: customer{ID: number % customers, Email: fmt.Sprintf("user%d@example.com", number%customers), Country: countries[number/7%len(countries)]},
		Items: []item{
			{SKU: fmt.Sprintf("SKU-%06d", number*31%1_000_000), Quantity: 1 + number%4, Cents: 990 + number%9000},
			{SKU: fmt.Sprintf("SKU-%06d", number*17%1_000_000), Quantity: 2, Cents: 2490},
		},
		Note:     "leave it with the neighbours if nobody opens",
		Callback: fmt.Sprintf("https://shop.example.com/hooks/orders/%d", number),
	})
	all := types()
	return client.Enqueue{Type: all[number%len(all)], Payload: payload, Tags: []string{"shop"}}, err
}

// fail ends a planted job as its number wants.
func (o order) fail(ctx context.Context, dead bool) error {
	switch {
	case o.Number%panicEvery == panicEvery-1:
		return o.crash(o.Items)
	case o.Number%twiceEvery == 0 && jobs.Info(ctx).Attempt == 1:
		return jobs.RetryAfter(o.problem(), time.Millisecond)
	case dead:
		return jobs.Permanent(o.problem())
	}
	return jobs.RetryAfter(o.problem(), time.Hour+time.Duration(o.Number)*time.Millisecond)
}

// crash panics, for there is no such item.
func (o order) crash(items []item) error {
	return fmt.Errorf("item %s is out of stock", items[o.Number].SKU)
}

// problem is the job's error: one of six, with what differs from job to job in it,
// or the rare one.
func (o order) problem() error {
	n := o.Number
	if n%rareEvery == rareAt {
		return fmt.Errorf("tls: failed to verify %s: signed by unknown authority, serial %d", rareWord, n)
	}
	switch n / len(types()) % 6 {
	case 0:
		return fmt.Errorf("dial tcp 10.0.%d.%d:5432: connect: connection refused", n/256%256, n%256)
	case 1:
		return fmt.Errorf("POST https://api.example.com/v2/orders/%d: 503 Service Unavailable (request %08x-0000-4000-8000-%012x)", n, n, n)
	case 2:
		return fmt.Errorf("customer %d has no address for order %q", o.Customer.ID, o.Items[0].SKU)
	case 3:
		return fmt.Errorf("ERROR: duplicate key value violates unique constraint \"orders_pkey\" (SQLSTATE 23505): key (id)=(%d) already exists", n)
	case 4:
		return fmt.Errorf("timeout: no answer from 192.168.%d.%d after %dms", n/256%256, n%256, 30_000+n%100)
	}
	return fmt.Errorf("smtp: 550 5.1.1 <%s>: recipient rejected", o.Customer.Email)
}
