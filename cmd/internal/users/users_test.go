//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package users

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/servers/chat"
)

// before are the parameters of new hashes as they are outside of tests.
var before = ours

func TestMain(m *testing.M) {
	ours.memory, ours.time = minMemory, 1 // a test has not the time that a password is worth
	os.Exit(leaktest.Main(m))
}

// work is what was derived: parameters, in the order of the calls.
type work struct {
	mu    sync.Mutex
	calls []string
}

// counting has derive note what it is asked for.
func counting(t *testing.T) *work {
	w := &work{}
	derive = func(secret, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		w.mu.Lock()
		w.calls = append(w.calls, fmt.Sprintf("m=%d,t=%d,p=%d,%d,%d", memory, time, threads, len(salt), size))
		w.mu.Unlock()
		return argon2.IDKey(secret, salt, time, memory, threads, size)
	}
	t.Cleanup(func() { derive = argon2.IDKey })
	return w
}

// take returns what there was since the last time.
func (w *work) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

// hashed is a hash of a password that is cheap.
func hashed(password string) string {
	h := newHash([]byte(password))
	return h.String()
}

// put writes a file that only this user may read.
func put(t testing.TB, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, path string) *File {
	t.Helper()
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// is checks that a login is somebody's, nobody's if name is empty.
func is(t *testing.T, a chat.Authenticator, name, secret string, want chat.Account) {
	t.Helper()
	got, err := a.Check(name, secret)
	if got != want || (err == nil) != (want.Name != "") || err != nil && !errors.Is(err, chat.ErrLogin) {
		t.Errorf("login of %q with %q: got %+v, %v; want %+v", name, secret, got, err, want)
	}
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", maxSecret)
	f := load(t, put(t, "# the users\n\n  ana::"+hashed("correct horse")+"\r\n\t# bo\nBo.1:operator:"+hashed("battery staple")+"\nкот::"+hashed(long)))
	if len(f.all) != 3 {
		t.Errorf("got %d users, want 3", len(f.all))
	}
	ana, bo, cat := chat.Account{Name: "ana"}, chat.Account{Name: "Bo.1", Operator: true}, chat.Account{Name: "кот"}
	is(t, f, "ana", "correct horse", ana)
	is(t, f, " ANA", "correct horse", ana)
	is(t, f, "bol", "battery staple", bo) // of one fold
	is(t, f, "кот", long, cat)
	for _, wrong := range [][2]string{
		{"ana", ""}, {"ana", "correct hors"}, {"ana", "correct horse "}, {"ana", "Correct horse"}, {"ana", "battery staple"},
		{"ana", "correct horse\x00"}, {"", "correct horse"}, {"", ""}, {"anna", "correct horse"}, {"a:b", "correct horse"}, {"ana\x00", "correct horse"},
		{"#", "the users"}, {"кот", long + "x"}, {strings.Repeat("a", 10_000), "x"},
	} {
		is(t, f, wrong[0], wrong[1], chat.Account{})
	}
	for nick, want := range map[string]bool{"ana": true, "Ana": true, "a-n-a": true, "bo1": true, "BoI": true, "КОТ": true, "anna": false, "": false, "a:b": false, "#": false} {
		if got := f.Reserved(nick); got != want {
			t.Errorf("%q is reserved: got %v, want %v", nick, got, want)
		}
	}
}

// Each login costs one derivation, and a name that nobody has the same as one of
// somebody's, every time.
func TestSameWorkForAll(t *testing.T) {
	dear := "$argon2id$v=19$m=7200,t=2,p=2$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ"
	f := load(t, put(t, "ana::"+hashed("correct horse")+"\nbo::"+dear+"\n"))
	w := counting(t)
	costs := func(name, secret string) string {
		t.Helper()
		_, _ = f.Check(name, secret)
		calls := w.take()
		if len(calls) != 1 {
			t.Fatalf("login of %q with %q: %d derivations, want 1", name, secret, len(calls))
		}
		return calls[0]
	}
	cheapCost, dearCost := costs("ana", "correct horse"), costs("bo", "x")
	for _, secret := range []string{"", "x", "correct horse", strings.Repeat("x", 5000)} {
		if got := costs("ana", secret); len(secret) <= maxSecret && got != cheapCost {
			t.Errorf("ana with %d bytes: got %s, want %s", len(secret), got, cheapCost)
		}
	}
	seen := map[string]int{}
	for i := range 40 {
		name := fmt.Sprintf("somebody-%c%c", 'a'+i/10, 'a'+i%10)
		if i%4 == 0 {
			name = "not a name " + name
		}
		first := costs(name, "x")
		if again := costs(name, "other"); again != first {
			t.Errorf("%q: first %s, then %s", name, first, again)
		}
		seen[first]++
	}
	if len(seen) != 2 || seen[cheapCost] == 0 || seen[dearCost] == 0 {
		t.Errorf("nobodies cost %v; want some %s and some %s", seen, cheapCost, dearCost)
	}
	if _, err := f.Check("", "correct horse"); !errors.Is(err, chat.ErrLogin) || len(w.take()) != 0 {
		t.Errorf("without a name: got %v, want ErrLogin for nothing", err)
	}
	none := load(t, put(t, "# nobody yet\n"))
	if _, err := none.Check("ana", "x"); !errors.Is(err, chat.ErrLogin) || len(w.take()) != 1 {
		t.Errorf("of no users: got %v, want ErrLogin after one derivation", err)
	}
}

// The hash is the one that everybody computes: a vector of RFC 9106 has a secret and
// associated data, so this is one of the reference implementation's tests.
func TestReferenceHash(t *testing.T) {
	h, err := parseHash("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil {
		t.Fatal(err)
	}
	if !h.is([]byte("password")) || h.is([]byte("passwore")) {
		t.Error("it is not what Argon2's reference implementation has for \"password\"")
	}
}

const someHash = "$argon2id$v=19$m=7168,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ"

// A file that is wrong is refused as a whole, with the number of the line.
func TestInvalidFiles(t *testing.T) {
	with := func(old, new string) string { return "ana::" + strings.Replace(someHash, old, new, 1) }
	if _, err := parse(with("", "")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ line, says string }{
		{"ana", "name:flags:hash"},
		{"ana:" + someHash, "name:flags:hash"},
		{":operator:" + someHash, "no name"},
		{"an a::" + someHash, "wrong character"},
		{strings.Repeat("a", 40) + "::" + someHash, "too long"},
		{"\xff::" + someHash, "UTF-8"},
		{"ana:admin:" + someHash, "want nothing or operator"},
		{"ana:Operator:" + someHash, "want nothing or operator"},
		{"ana: :" + someHash, "want nothing or operator"},
		{"ana:::" + someHash, "form"},
		{"ana::", "form"},
		{"ana::secret", "form"},
		{"ana::$2y$10$abcdefghijklmnopqrstuv", "form"},
		{"ana::x" + someHash, "form"},
		{"ana::" + someHash + "$", "form"},
		{with("argon2id", "argon2i"), "want argon2id"},
		{with("argon2id", "argon2d"), "want argon2id"},
		{with("v=19", "v=16"), "want v=19"},
		{with("v=19$", ""), "form"},
		{with("v=19", "19"), "want v=19"},
		{with("m=7168", "m=7167"), "want 7168 to 262144"},
		{with("m=7168", "m=262145"), "want 7168 to 262144"},
		{with("m=7168", "m=4194304"), "want 7168 to 262144"},
		{with("m=7168", "m=4294967296"), "not m= and a number"},
		{with("m=7168", "m=07168"), "not m= and a number"},
		{with("m=7168", "m=+7168"), "not m= and a number"},
		{with("m=7168", "m="), "not m= and a number"},
		{with("m=7168,t=1", "t=1,m=7168"), "not m= and a number"},
		{with(",p=1", ""), "want three"},
		{with(",p=1", ",p=1,x=1"), "want three"},
		{with("t=1", "t=0"), "want 1 to 146"},
		{with("t=1", "t=147"), "want 1 to 146"},
		{with("m=7168,t=1", "m=262144,t=5"), "want 1 to 4"},
		{with("t=1", "t=4294967295"), "want 1 to 146"},
		{with("t=1", "t=-1"), "not t= and a number"},
		{with("p=1", "p=0"), "want 1 to 16"},
		{with("p=1", "p=17"), "want 1 to 16"},
		{with("p=1", "p=257"), "want 1 to 16"},
		{with("c2FsdHNhbHQ", ""), "salt has 0 bytes"},
		{with("c2FsdHNhbHQ", "c2FsdHNhbA"), "salt has 7 bytes"},
		{with("c2FsdHNhbHQ", "c2FsdHNhbHQ="), "salt is not in base64"},
		{with("c2FsdHNhbHQ", "c2FsdHNhbHR"), "salt is not in base64"}, // bits that nothing needs
		{with("c2FsdHNhbHQ", "c2Fsd\rHNhbHQ"), "salt is not in base64"},
		{with("c2FsdHNhbHQ", "c2FsdHNhbH-"), "salt is not in base64"},
		{with("c2FsdHNhbHQ", strings.Repeat("AAAA", 30)), "salt has 90 bytes"},
		{with("MDEyMzQ1Njc4OTAxMjM0NQ", ""), "last part has 0 bytes"},
		{with("MDEyMzQ1Njc4OTAxMjM0NQ", "MDEyMzQ1Njc4OTAxMjM0"), "last part has 15 bytes"},
		{with("MDEyMzQ1Njc4OTAxMjM0NQ", strings.Repeat("AAAA", 30)), "last part has 90 bytes"},
		{"bo::" + someHash, "bo is in line 2 already"},
		{"B-0:operator:" + someHash, "B-0 is in line 2 already"},
		{"\x00", "name:flags:hash"},
	} {
		text := "# users\nbo::" + someHash + "\n" + test.line + "\ncarl::" + someHash + "\n"
		_, err := Load(put(t, text))
		if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), "line 3: ") || !strings.Contains(err.Error(), test.says) || strings.ContainsAny(err.Error(), "\n\r\x00") {
			t.Errorf("%q: got %v, want ErrFile with line 3 and %q", test.line, err, test.says)
		}
		if err != nil && strings.Contains(err.Error(), "MDEy") {
			t.Errorf("the error has a hash in it: %v", err)
		}
	}
	if _, err := Load(put(t, strings.Repeat("#\n", maxFile/2+1))); !errors.Is(err, ErrFile) {
		t.Errorf("too long: got %v, want ErrFile", err)
	}
}

// What ssh does not take as a key, because others may use it, is no file of users.
func TestFileIsPrivate(t *testing.T) {
	leaktest.Check(t)
	path := put(t, "ana::"+someHash+"\n")
	for mode := range fs.FileMode(0o200) {
		mode |= 0o600
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if want := mode&0o077 != 0; errors.Is(err, ErrMode) != want || !want && err != nil {
			t.Errorf("mode %#o: got %v, want an error: %v", mode, err, want)
		}
		if mode == 0o644 && !strings.Contains(err.Error(), "0644") {
			t.Errorf("got %v, want the mode in it", err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Set(path, "bo", false, []byte("correct horse")); !errors.Is(err, ErrMode) {
		t.Errorf("Set: got %v, want ErrMode", err)
	}
	if os.Geteuid() == 0 {
		// Another's, which its group may read.
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err != nil {
			t.Error(err)
		}
	}
	dir := t.TempDir()
	if _, err := Load(dir); !errors.Is(err, ErrFile) {
		t.Errorf("a directory: got %v, want ErrFile", err)
	}
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v, want ErrNotExist", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe); !errors.Is(err, ErrFile) {
		t.Errorf("a pipe: got %v, want ErrFile", err)
	}
}

// text is what is in a file.
func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Set changes one line and no other, and leaves one file.
func TestSet(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "users")
	if _, err := Set(path, "Ana", true, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	is(t, load(t, path), "ana", "correct horse", chat.Account{Name: "Ana", Operator: true})
	old := "# first\n\n  bo:operator:" + someHash + "\n#last"
	if err := os.WriteFile(path, []byte(old+"\n"+strings.TrimSuffix(text(t, path), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded := load(t, path)
	for _, step := range []struct {
		name, password string
		operator       bool
		line           int
	}{
		{"ana", "new password", false, 4}, {"carl", "12345678", true, 5}, {"CARL", strings.Repeat("x", 1024), false, 5},
	} {
		if _, err := Set(path, step.name, step.operator, []byte(step.password)); err != nil {
			t.Fatal(err)
		}
		got := text(t, path)
		flags := ":"
		if step.operator {
			flags = ":operator"
		}
		lines := strings.Split(got, "\n")
		if !strings.HasPrefix(got, old+"\n") || !strings.HasSuffix(got, "\n") || len(lines) <= step.line || !strings.HasPrefix(lines[step.line], step.name+flags) {
			t.Errorf("%s: the file is %q", step.name, got)
		}
		is(t, load(t, path), step.name, step.password, chat.Account{Name: step.name, Operator: step.operator})
	}
	is(t, loaded, "ana", "correct horse", chat.Account{Name: "Ana", Operator: true}) // as it was
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v; want the file alone", entries, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
	}
}

// New hashes are what the package's doc says.
func TestParameters(t *testing.T) {
	if got := before.String(); !strings.HasPrefix(got, "$argon2id$v=19$m=65536,t=3,p=1$") || len(before.salt) != 16 || len(before.key) != 32 {
		t.Errorf("got %s", got)
	}
	if _, err := parseHash(before.String()); err != nil {
		t.Error(err)
	}
}

// Two hashes of one password have nothing in common.
func TestSalt(t *testing.T) {
	if a, b := hashed("correct horse"), hashed("correct horse"); a == b || strings.Split(a, "$")[4] == strings.Split(b, "$")[4] {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestSetRefuses(t *testing.T) {
	path := put(t, "ana::"+someHash+"\n")
	for _, test := range []struct {
		name, password string
		err            error
	}{
		{"ana", "", ErrPassword}, {"ana", "1234567", ErrPassword}, {"ana", strings.Repeat("x", 1025), ErrPassword},
		{"", "12345678", ErrName}, {"a:b", "12345678", ErrName}, {"a\nb", "12345678", ErrName}, {"#x", "12345678", ErrName},
	} {
		if _, err := Set(path, test.name, false, []byte(test.password)); !errors.Is(err, test.err) {
			t.Errorf("%q with %d bytes: got %v, want %v", test.name, len(test.password), err, test.err)
		}
	}
	if got := text(t, path); got != "ana::"+someHash+"\n" {
		t.Errorf("the file is %q", got)
	}
	bad := put(t, "nonsense\n")
	if was, err := Set(path, "a.na", false, []byte("12345678")); !errors.Is(err, ErrName) || was != "" {
		t.Errorf("got %q, %v for one who looks like another", was, err)
	}
	if _, err := Set(bad, "ana", false, []byte("12345678")); !errors.Is(err, ErrFile) || text(t, bad) != "nonsense\n" {
		t.Errorf("in a file that is none: got %v, want ErrFile", err)
	}
	if _, err := Set(filepath.Join(t.TempDir(), "not", "there"), "ana", false, []byte("12345678")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no directory: got %v, want ErrNotExist", err)
	}
}

// A link leads to the file that is replaced, and stays.
func TestSetThroughLink(t *testing.T) {
	path := put(t, "")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Set(link, "ana", false, []byte("12345678")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link: got %v, %v", info, err)
	}
	is(t, load(t, path), "ana", "12345678", chat.Account{Name: "ana"})
}

// Who sets at the same time as others loses nothing.
func TestSetAtOnce(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "users")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := Set(path, fmt.Sprintf("user-%c", 'a'+i), false, []byte("12345678")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if f := load(t, path); len(f.all) != 8 {
		t.Errorf("got %d users, want 8", len(f.all))
	}
}

// A file stays its owner's, whoever sets.
func TestSetKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	path := put(t, "")
	if err := os.Chown(path, 65534, 65533); err != nil {
		t.Fatal(err)
	}
	if _, err := Set(path, "ana", false, []byte("12345678")); err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil || stat.Uid != 65534 || stat.Gid != 65533 || stat.Mode&0o777 != 0o600 {
		t.Errorf("got owner %d, group %d, mode %#o, %v", stat.Uid, stat.Gid, stat.Mode&0o777, err)
	}
}

func TestToken(t *testing.T) {
	a := Token([]byte("a long secret"))
	if got, err := a.Check("", "a long secret"); err != nil || got != (chat.Account{}) {
		t.Errorf("got %+v, %v; want an account without a name", got, err)
	}
	for _, wrong := range [][2]string{{"", ""}, {"", "a long secreT"}, {"", "a long secret "}, {"", "a long secre"}, {"ana", "a long secret"}} {
		is(t, a, wrong[0], wrong[1], chat.Account{})
	}
	if a.Reserved("ana") {
		t.Error("it reserves a name")
	}
	is(t, Token(nil), "", "", chat.Account{})
}

// broken is an authenticator that cannot tell.
type broken struct{ error }

func (b broken) Check(string, string) (chat.Account, error) { return chat.Account{}, b.error }
func (b broken) Reserved(string) bool                       { return false }

func TestJoin(t *testing.T) {
	f := load(t, put(t, "ana::"+hashed("correct horse")+"\n"))
	w := counting(t)
	a := Join(Token([]byte("a long secret")), f)
	if got, err := a.Check("", "a long secret"); err != nil || got != (chat.Account{}) || len(w.take()) != 0 {
		t.Errorf("the token: got %+v, %v", got, err)
	}
	is(t, a, "ana", "correct horse", chat.Account{Name: "ana"})
	w.take()
	is(t, a, "ana", "a long secret", chat.Account{})
	if n := len(w.take()); n != 1 {
		t.Errorf("got %d derivations, want 1", n)
	}
	is(t, a, "", "correct horse", chat.Account{})
	if n := len(w.take()); n != 0 {
		t.Errorf("without a name: got %d derivations, want none", n)
	}
	if !a.Reserved("ANA") || a.Reserved("bo") {
		t.Error("what is reserved are not the file's names")
	}
	is(t, Join(), "ana", "x", chat.Account{})
	trouble := errors.New("trouble")
	is(t, Join(broken{trouble}, f), "ana", "correct horse", chat.Account{Name: "ana"})
	if _, err := Join(broken{trouble}, f).Check("ana", "x"); !errors.Is(err, trouble) {
		t.Errorf("got %v, want the trouble", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ana::" + someHash + "\n# c\r\n\nbo:operator:" + someHash)
	f.Add("ana::$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ")
	f.Add("ana:x:y:z\n")
	f.Add(":::\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parse(text)
		if err != nil {
			if lines != nil || strings.ContainsAny(err.Error(), "\n\r") || !strings.HasPrefix(err.Error(), "line ") || len(err.Error()) > 500+4*len(text) {
				t.Fatalf("got %q with %d lines", err, len(lines))
			}
			return
		}
		var folds []string
		for _, l := range lines {
			if l.user == nil {
				if s := strings.TrimSpace(l.text); s != "" && s[0] != '#' {
					t.Fatalf("%q is no user", l.text)
				}
				continue
			}
			u, h := l.user, &l.user.hash
			if slices.Contains(folds, u.fold) {
				t.Fatalf("%s is there twice", u.name)
			}
			folds = append(folds, u.fold)
			if h.memory > maxMemory || h.time*h.memory > maxWork || h.threads > maxThreads || h.threads < 1 || h.time < 1 {
				t.Fatalf("%v is taken", h)
			}
			// A hash is written in one way; a name may be written in others.
			again, err := parse(u.String())
			if err != nil || len(again) != 1 || again[0].user.String() != u.String() || !strings.HasSuffix(strings.TrimSpace(l.text), h.String()) {
				t.Fatalf("%q is written as %q: %v", l.text, u, err)
			}
		}
	})
}
