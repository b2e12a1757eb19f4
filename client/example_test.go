package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"legwork/client"
)

func ExampleClient_Enqueue() {
	server := httptest.NewServer(answer(200, "application/json",
		`{"id":"invoice-7","type":"invoice.send","state":"completed","timeout":"1m","retention":"24h","result":{"url":"https://example.com/7.pdf"}}`))
	defer server.Close()

	c, err := client.New(client.Options{BaseURL: server.URL, Retries: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := c.Enqueue(context.Background(), client.Enqueue{
		ID:      "invoice-7",
		Type:    "invoice.send",
		Payload: json.RawMessage(`{"customer_id": 7}`),
	}, client.EnqueueOptions{Wait: 10 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	if job.Final() {
		fmt.Printf("%s is %s: %s\n", job.ID, job.State, job.Result)
	}
	// Output: invoice-7 is completed: {"url":"https://example.com/7.pdf"}
}

func ExampleClient_AllJobs() {
	server := httptest.NewServer(http.HandlerFunc(pages))
	defer server.Close()

	c, err := client.New(client.Options{BaseURL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	for job, err := range c.AllJobs(context.Background(), client.JobFilter{State: "archived"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.ID)
	}
	// Output:
	// 1
	// 2
	// 3
	// 4
}

func ExampleProblem() {
	server := httptest.NewServer(answer(422, "application/problem+json",
		`{"code":"invalid_payload","detail":"the payload fails the schema of email.send","errors":[{"pointer":"/payload/to","detail":"is required"}]}`))
	defer server.Close()

	c, err := client.New(client.Options{BaseURL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.Enqueue(context.Background(), client.Enqueue{Type: "email.send"})
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Code == client.CodeInvalidPayload {
		for _, field := range p.Errors {
			fmt.Println(field.Pointer, field.Detail)
		}
	}
	// Output: /payload/to is required
}
