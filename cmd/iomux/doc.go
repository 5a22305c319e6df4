// Command iomux runs the servers of this project and a client for them.
//
//	iomux echo        echo on any number of addresses
//	iomux connect     talk to a server
//	iomux backends    what this system can wait with
//	iomux net         addresses, networks, names and services
//	iomux serve       the classic servers of tutorials on sockets
//	iomux completion  completion scripts for shells
//
// Addresses are URLs such as tcp://127.0.0.1:7000, udp://[::1]:7000 or
// unix:///run/echo.sock. What a program may want to read, listeners and statistics,
// goes to standard output, logs and errors go to standard error. The exit
// status is 0 for success, 1 for a failure and 2 for a call that cannot be
// right; then one line says what is wrong.
package main
