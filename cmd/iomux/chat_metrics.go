//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	loops "example.com/iomux/adapters/prometheus"
	"example.com/iomux/servers/chat"
)

// metrics serves the counts of the loops, of the chat and of the process to Prometheus.
func (sv *chatService) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		loops.New(sv.group, nil), chatCounts{sv.chat},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// chatCounts is a prometheus.Collector of how many there are in the chat.
type chatCounts struct{ chat *chat.Server }

var (
	membersMetric = prometheus.NewDesc("iomux_chat_members", "Members of the chat.", nil, nil)
	usersMetric   = prometheus.NewDesc("iomux_chat_members_logged_in", "Members of the chat that have logged in.", nil, nil)
	roomsMetric   = prometheus.NewDesc("iomux_chat_rooms", "Rooms of the chat.", nil, nil)
)

// Describe implements prometheus.Collector.
func (chatCounts) Describe(descs chan<- *prometheus.Desc) {
	descs <- membersMetric
	descs <- usersMetric
	descs <- roomsMetric
}

// collectTime is how long the home loop has to answer.
const collectTime = 5 * time.Second

// Collect implements prometheus.Collector.
func (c chatCounts) Collect(found chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTime)
	defer cancel()
	shot, err := c.chat.Snapshot(ctx)
	if err != nil {
		found <- prometheus.NewInvalidMetric(membersMetric, err)
		return
	}
	loggedIn := 0
	for _, m := range shot.Members {
		if m.LoggedIn {
			loggedIn++
		}
	}
	gauge := func(d *prometheus.Desc, n int) prometheus.Metric {
		return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	found <- gauge(membersMetric, len(shot.Members))
	found <- gauge(usersMetric, loggedIn)
	found <- gauge(roomsMetric, len(shot.Rooms))
}
