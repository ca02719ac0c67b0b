// What bench/scan.py sets beside the network scanner: Go's crypto/tls. scan PORT ENDPOINTS CONNECTIONS prints
// the CPU seconds of that many handshakes as JSON.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

func number(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	port, endpoints, connections := number(1), number(2), number(3)
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MinVersion: tls.VersionTLS10}
	dialer := tls.Dialer{NetDialer: &net.Dialer{}, Config: config}
	var next, found atomic.Int64
	var group sync.WaitGroup
	for range connections {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				at := int(next.Add(1)) - 1
				if at >= endpoints {
					return
				}
				place := fmt.Sprintf("127.0.%d.%d:%d", 16+at/256, at%256, port)
				connection, err := dialer.DialContext(context.Background(), "tcp", place)
				if err != nil {
					panic(err)
				}
				if len(connection.(*tls.Conn).ConnectionState().PeerCertificates) > 0 {
					found.Add(1)
				}
				connection.(*tls.Conn).NetConn().Close()
			}
		}()
	}
	group.Wait()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	seconds := float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
	fmt.Printf("{\"found\": %d, \"cpu\": %f}\n", found.Load(), seconds)
}
