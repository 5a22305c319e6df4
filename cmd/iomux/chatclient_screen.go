//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// show takes in what the server has sent.
func (v *conversation) show(list []piece) error {
	v.lock.Lock()
	defer v.lock.Unlock()
	shown := make([]string, 0, len(list))
	for _, p := range list {
		l := chatLine{text: p.text}
		if p.ends && !v.cut {
			l = parseChatLine(p.text)
		}
		v.cut = !p.ends
		v.scene.see(&l)
		text := v.paint.line(&l, v.scene.nick)
		if !p.ends {
			text += `\`
		}
		shown = append(shown, text)
		if done, _ := loginDone(&l); done && v.asked {
			v.asked = false
			v.introduce()
		}
	}
	v.settle()
	return v.print(shown...)
}

// remark shows what the client itself has to say.
func (v *conversation) remark(text string) {
	_ = v.print(v.paint.note(text)) // a terminal that is gone has no more input, which is the end
}

// print shows lines above the one being edited.
func (v *conversation) print(lines ...string) error {
	text := strings.Join(lines, "\n") + "\n"
	var err error
	if v.editor == nil {
		_, err = io.WriteString(v.out, text)
	} else {
		v.editor.SetPrompt(v.prompt())
		// The editor thinks that all characters are of the same width, so that it may
		// not find back to where the line begins.
		_, err = io.WriteString(v.out, "\r")
		if err == nil {
			_, err = v.editor.Write([]byte(text))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot write to the terminal: %w", err)
	}
	return nil
}

func (v *conversation) prompt() string {
	if v.link == nil {
		return "(not connected)" + prompt
	}
	return v.scene.prompt()
}

// warn says what the first Ctrl-C is good for; the editor has the lock.
func (v *conversation) warn() { v.remark("Ctrl-C once more, or Ctrl-D, leaves") }

// complete is what the Tab key does; the editor has the lock.
func (v *conversation) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	newLine, newPos, which := v.scene.complete(line, pos)
	if which != "" {
		v.remark(which)
	}
	return newLine, newPos, true
}

// speak sends what is typed, until one leaves.
func (v *conversation) speak(editor *term.Terminal) error {
	for {
		v.lock.Lock()
		line, err := editor.ReadLine()
		v.lock.Unlock()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return fmt.Errorf("cannot read the terminal: %w", err)
		}
		if v.say(line) {
			return nil
		}
	}
}

// say sends a line. left: it was the last one.
func (v *conversation) say(line string) (left bool) {
	v.lock.Lock()
	l := v.link
	word := commandOf(line)
	var fault string
	switch {
	case word == "":
		l = nil
	case word == "/quit":
		v.quits = true
		left = l == nil
	case l == nil:
		fault = "not connected: that was not sent"
	case len(line) > chatLineLimit:
		fault = fmt.Sprintf("not sent: a line may have %d bytes, and that one has %d", chatLineLimit, len(line))
		l = nil
	}
	if fault != "" {
		v.remark(fault)
	}
	v.lock.Unlock()
	if l == nil {
		return left
	}
	// Not under the lock: what the server sends must be read, or it may not read.
	err := sendLine(l, line)
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.link == l {
		v.failed(err)
		v.scene.speak(line)
		if v.editor != nil {
			v.editor.SetPrompt(v.prompt())
		}
	}
	return false
}

// bye leaves the chat. From here on the terminal does its own editing and signals: a
// Ctrl-C ends the wait for the server.
func (v *conversation) bye() error {
	v.lock.Lock()
	defer v.lock.Unlock()
	err := v.leave()
	if l, said := v.link, v.quits; l != nil {
		go func() { // it may take its time
			if !said {
				_ = sendLine(l, "/quit") // an error ends the connection just as well
			}
			l.endInput()
		}()
	}
	v.quits = true
	return err
}

// leave takes the editor off the screen, and has the terminal be as it was.
func (v *conversation) leave() error {
	if v.editor != nil {
		fmt.Fprint(v.out, "\r\n") // off the line being edited
		v.editor = nil
	}
	return v.restore()
}
