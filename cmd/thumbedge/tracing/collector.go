package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	sendTime   = 10 * time.Second // that the collector has for one batch
	mostAnswer = 64 << 10         // bytes of its answer that are read
)

// collector sends spans by OTLP over HTTP. OpenTelemetry's own client for that links gRPC,
// which would make the whole program 5 MB larger for a POST.
type collector struct {
	url     string
	headers map[string]string
	http    *http.Client
}

// errRefused is of a batch that need not be sent again.
var errRefused = errors.New("the collector refused spans")

func newCollector(cfg Config) *collector {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxConnsPerHost = 1, 1
	return &collector{cfg.url(), cfg.Headers, &http.Client{
		Transport: transport, Timeout: sendTime,
		// The headers may hold a secret, which is for nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Start and Stop are otlptrace.Client's.
func (*collector) Start(context.Context) error { return nil }

// Stop closes the connection.
func (c *collector) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans. What a collector that takes some of them says of the others is
// an error, too.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// On the wire this message is ExportTraceServiceRequest, whose package links gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	answer, err := c.post(ctx, body)
	if err != nil {
		return err
	}
	switch status := answer.code; {
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return fmt.Errorf("the collector says %s", answer.status)
	case status/100 != 2:
		return fmt.Errorf("%w: it says %s", errRefused, answer.status)
	}
	if n := rejected(answer.body); n > 0 {
		return partly(n)
	}
	return nil
}

// answer is what a collector says of a batch.
type answer struct {
	code   int
	status string // such as "404 Not Found"
	header http.Header
	body   []byte // what came of it where it broke off, for the collector has the spans then
}

// post sends the collector a batch.
func (c *collector) post(ctx context.Context, batch []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(batch))
	if err != nil {
		return answer{}, fmt.Errorf("making a request to the collector: %w", err)
	}
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("sending spans: %w", err)
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	return answer{response.StatusCode, response.Status, response.Header, said}, nil
}

// partly is how many spans of a batch a collector did not take.
type partly int64

func (n partly) Error() string {
	return fmt.Sprintf("the collector refused %d spans of a batch", int64(n))
}

// rejected reads how many spans an ExportTraceServiceResponse says were not taken: field 1
// (rejected_spans) of its field 1 (partial_success).
func rejected(answer []byte) int64 {
	partial, kind := fieldOne(answer)
	if kind != protowire.BytesType {
		return 0
	}
	inner, n := protowire.ConsumeBytes(partial)
	if n < 0 {
		return 0
	}
	count, kind := fieldOne(inner)
	if kind != protowire.VarintType {
		return 0
	}
	rejected, n := protowire.ConsumeVarint(count)
	if n < 0 || int64(rejected) < 0 {
		return 0
	}
	return int64(rejected)
}

// fieldOne returns what begins with the value of a message's field 1; a kind of -1: there is none.
func fieldOne(message []byte) (value []byte, kind protowire.Type) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			break
		}
		if number == 1 {
			return message[n:], kind
		}
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		if size < 0 {
			break
		}
		message = message[n+size:]
	}
	return nil, -1
}
