package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics says, in the text format of Prometheus. doc/serving.md lists them.
type metrics struct {
	handler   http.Handler
	requests  *prometheus.CounterVec
	rows      *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	batchRows *prometheus.HistogramVec
	model     *prometheus.CounterVec
	search    *prometheus.CounterVec
}

// newMetrics returns the metrics of s, with those of the process and of the Go runtime.
func newMetrics(s *Server) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help, label string, first float64, n int) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(first, 2, n),
		}, []string{label})
	}
	m := &metrics{
		requests:  counter("ksparse_requests_total", "Requests that were answered, by route and status.", "route", "status"),
		rows:      counter("ksparse_rows_total", "Rows and codes of requests that were answered with status 200.", "route"),
		seconds:   histogram("ksparse_request_seconds", "Time from a request's header to the end of its answer.", "route", 0.00025, 16),
		batchRows: histogram("ksparse_batch_rows", "Rows that went through the model together.", "call", 1, 9),
		model:     counter("ksparse_model_seconds_total", "Time in the model, which uses all cores.", "call"),
		search:    counter("ksparse_search_seconds_total", "Time in the index, on one core for each request.", "by"),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		m.requests, m.rows, m.seconds, m.batchRows, m.model, m.search,
		gauge("ksparse_requests_in_work", "Requests that hold a place.", func() float64 { return float64(len(s.places)) }),
		gauge("ksparse_requests_in_work_limit", "Places for requests.", func() float64 { return float64(cap(s.places)) }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

// count counts a request for rt, nil for one that found no route, that had rows rows.
func (m *metrics) count(rt *route, status, rows int, d time.Duration) {
	path := "other"
	if rt != nil {
		path = rt.path
	}
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(path).Observe(d.Seconds())
	if status == http.StatusOK && rt.place {
		m.rows.WithLabelValues(path).Add(float64(rows))
	}
}

// batch returns a function that counts a batch of a call of the model.
func (m *metrics) batch(call string) func(rows int, d time.Duration) {
	rows, seconds := m.batchRows.WithLabelValues(call), m.model.WithLabelValues(call)
	return func(n int, d time.Duration) {
		rows.Observe(float64(n))
		seconds.Add(d.Seconds())
	}
}
