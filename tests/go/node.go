// SPDX-License-Identifier: MIT OR Apache-2.0

// A client in Go, whose runtime makes system calls by itself, on threads of its own, and interrupts them by
// signals: node VERSION, of the driver that is to be found. It needs nothing but the standard library.
// Without a fault it prints "go: ok".
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	render = "/dev/dri/renderD128"
	sysfs  = "/sys/dev/char/226:128/device"
	page   = 4096
	mib    = 1 << 20
)

// The layout of the kernel's structures; addresses are numbers, of memory that the collector leaves alone.
type (
	version struct {
		major, minor, patch int32
		_                   int32
		nameLen, name       uint64
		dateLen, date       uint64
		descLen, desc       uint64
	}
	devQuery struct {
		kind, size uint32
		pointer    uint64
	}
	objArray struct {
		stride, count uint32
		array         uint64
	}
	vmCreate struct {
		flags, id uint32
		userRange uint64
	}
	vmBind struct {
		vm, flags uint32
		ops       objArray
	}
	bindOp struct {
		flags, bo            uint32
		boOffset, va, length uint64
		syncs                objArray
	}
	boCreate struct {
		size                    uint64
		flags, vm, handle, zero uint32
	}
	mmapOffset struct {
		handle, zero uint32
		offset       uint64
	}
	gemClose struct {
		handle, zero uint32
	}
	syncobjCreate struct {
		handle, flags uint32
	}
	syncobjArray struct {
		handles     uint64
		count, zero uint32
	}
	syncobjWait struct {
		handles                   uint64
		timeout                   int64
		count, flags, first, zero uint32
		deadline                  uint64
	}
)

const (
	mapSparse     = 1<<1 | 1<<3 // not for execution, sparse
	mapNoexec     = 1 << 1
	unmap         = 1 << 28
	waitForSubmit = 1 << 1
)

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "go: "+format+"\n", arguments...)
	os.Exit(1)
}

func check(condition bool, format string, arguments ...any) {
	if !condition {
		fail(format, arguments...)
	}
}

func must(err error, what string) {
	check(err == nil, "%s: %v", what, err)
}

// For the collector what this has is in use.
var inUse sync.Map

// address is where a value is for as long as the program runs: on the heap, whose objects do not move.
func address[T any](value *T) uint64 {
	inUse.Store(value, nil)
	return uint64(uintptr(unsafe.Pointer(value)))
}

// Calls that a signal interrupted.
var interrupted atomic.Uint64

// call is an ioctl that is made again when a signal has interrupted it.
func call[T any](fd int, direction, number uintptr, arg *T) error {
	request := direction<<30 | unsafe.Sizeof(*arg)<<16 | 'd'<<8 | number
	for {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg)))
		switch errno {
		case 0:
			return nil
		case syscall.EINTR:
			interrupted.Add(1)
		default:
			return errno
		}
	}
}

func createBo(fd int, size uint64) uint32 {
	bo := boCreate{size: size}
	must(call(fd, 3, 0x45, &bo), "BO_CREATE")
	return bo.handle
}

func closeBo(fd int, handle uint32) error {
	return call(fd, 1, 0x09, &gemClose{handle: handle})
}

func mapBo(fd int, handle uint32, size int) []byte {
	offset := mmapOffset{handle: handle}
	must(call(fd, 3, 0x46, &offset), "BO_MMAP_OFFSET")
	bytes, err := syscall.Mmap(fd, int64(offset.offset), size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(err, "mmap of a BO")
	return bytes
}

func bind(fd int, vm uint32, op bindOp) error {
	ops := objArray{stride: uint32(unsafe.Sizeof(op)), count: 1, array: address(&op)}
	return call(fd, 3, 0x43, &vmBind{vm: vm, ops: ops})
}

func createSyncobj(fd int) uint32 {
	syncobj := syncobjCreate{}
	must(call(fd, 3, 0xbf, &syncobj), "SYNCOBJ_CREATE")
	return syncobj.handle
}

// wait waits for a sync object; the time counts from now on, also when a signal interrupts it.
func wait(fd int, handle uint32, patience time.Duration) error {
	until := monotonic() + int64(patience)
	return call(fd, 3, 0xc3, &syncobjWait{handles: address(&handle), timeout: until, count: 1, flags: waitForSubmit})
}

func signal(fd int, handle uint32) {
	must(call(fd, 3, 0xc5, &syncobjArray{handles: address(&handle), count: 1}), "SYNCOBJ_SIGNAL")
}

func monotonic() int64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	check(errno == 0, "clock_gettime: %v", errno)
	return now.Nano()
}

func open() int {
	fd, err := syscall.Open(render, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	must(err, render)
	return fd
}

// looks checks what the node and the files around it look like.
func looks(fd int, driver string) {
	var byFd, byPath syscall.Stat_t
	must(syscall.Fstat(fd, &byFd), "fstat")
	must(syscall.Stat(render, &byPath), "stat")
	check(byFd.Mode&syscall.S_IFMT == syscall.S_IFCHR, "the mode is %#o", byFd.Mode)
	check(byFd.Rdev == 226<<8|128, "the device number is %#x", byFd.Rdev)
	check(byFd == byPath, "fstat and stat differ: %+v, %+v", byFd, byPath)
	link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	check(err == nil && link == render, "the descriptor is %q, %v", link, err)

	name := [16]byte{}
	told := version{nameLen: 16, name: address(&name)}
	must(call(fd, 3, 0x00, &told), "VERSION")
	check(string(name[:told.nameLen]) == "panthor", "the driver is %q", name)
	check(fmt.Sprintf("%d.%d", told.major, told.minor) == driver, "it is version %d.%d", told.major, told.minor)

	size := devQuery{}
	must(call(fd, 3, 0x40, &size), "DEV_QUERY of a size")
	info := [1024]byte{}
	check(size.size >= 100 && size.size <= 1024, "gpu_info has %d bytes", size.size)
	must(call(fd, 3, 0x40, &devQuery{size: size.size, pointer: address(&info)}), "DEV_QUERY")
	gpu := *(*uint32)(unsafe.Pointer(&info))
	check(gpu == 0xa8670005, "the GPU is %#x", gpu)

	check(reflect.DeepEqual(names("/dev/dri"), []string{"by-path", "card0", "renderD128"}), "/dev/dri has %v", names("/dev/dri"))
	for _, name := range []string{"driver", "drm", "subsystem", "uevent"} {
		_, err := os.Lstat(filepath.Join(sysfs, name))
		must(err, "lstat")
	}
	check(reflect.DeepEqual(names(sysfs+"/drm"), []string{"card0", "renderD128"}), "drm has %v", names(sysfs+"/drm"))
	uevent, err := os.ReadFile(sysfs + "/uevent")
	check(err == nil && bytes.Contains(uevent, []byte("OF_COMPATIBLE_1=arm,mali-valhall-csf\n")), "uevent: %q, %v", uevent, err)
	// It follows link after link by itself.
	bus, err := filepath.EvalSymlinks(sysfs + "/subsystem")
	check(err == nil && bus == "/sys/bus/platform", "the bus is %q, %v", bus, err)
}

func names(directory string) []string {
	entries, err := os.ReadDir(directory)
	must(err, directory)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// binds makes a sparse range with memory in it.
func binds(fd int) {
	vm := vmCreate{}
	must(call(fd, 3, 0x41, &vm), "VM_CREATE")
	bo := createBo(fd, 64<<10)
	must(bind(fd, vm.id, bindOp{flags: mapSparse, va: 1 << 30, length: 100 * mib}), "a sparse bind")
	must(bind(fd, vm.id, bindOp{flags: mapNoexec, bo: bo, va: 1<<30 + mib, length: 64 << 10}), "a bind")
	must(bind(fd, vm.id, bindOp{flags: unmap, va: 1 << 30, length: 50 * mib}), "an unbind")
	err := bind(fd, vm.id, bindOp{flags: mapNoexec, bo: bo, va: 1<<30 + 1, length: page})
	check(err == syscall.EINVAL, "a bind at an odd address: %v", err)
	must(closeBo(fd, bo), "GEM_CLOSE")
}

// waits has one goroutine wait while another works, and while signals come.
func waits(fd int) {
	syncobj := createSyncobj(fd)
	thread := make(chan int)
	var done atomic.Bool
	var result error
	start := time.Now()
	go func() {
		runtime.LockOSThread()
		thread <- syscall.Gettid()
		result = wait(fd, syncobj, 300*time.Millisecond)
		done.Store(true)
	}()
	waiting := <-thread
	worked := 0
	for !done.Load() {
		handle := createBo(fd, page)
		must(closeBo(fd, handle), "GEM_CLOSE")
		// The one by which the runtime interrupts what takes long.
		if worked++; worked%100 == 0 {
			must(syscall.Tgkill(os.Getpid(), waiting, syscall.SIGURG), "tgkill")
		}
	}
	took := time.Since(start)
	check(result == syscall.ETIME, "a wait for nothing: %v", result)
	check(took >= 300*time.Millisecond && took < 10*time.Second, "it took %v", took)
	check(worked > 100, "only %d BOs meanwhile", worked)

	for _, node := range []int{fd, open()} {
		syncobj := createSyncobj(node)
		go func() {
			time.Sleep(20 * time.Millisecond)
			signal(node, syncobj)
		}()
		must(wait(node, syncobj, time.Minute), "a wait that another goroutine ends")
	}
}

// goroutines has more of them than threads, each with a node of its own.
func goroutines() {
	var group sync.WaitGroup
	for worker := byte(0); worker < 16; worker++ {
		group.Add(1)
		go func(worker byte) {
			defer group.Done()
			fd := open()
			for round := 0; round < 50; round++ {
				bo := createBo(fd, page)
				bytes := mapBo(fd, bo, page)
				check(bytes[7] == 0, "a new BO has %d", bytes[7])
				bytes[7] = worker
				runtime.Gosched()
				check(bytes[7] == worker, "another's %d is in it", bytes[7])
				must(syscall.Munmap(bytes), "munmap")
				must(closeBo(fd, bo), "GEM_CLOSE")
			}
			must(syscall.Close(fd), "close")
		}(worker)
	}
	group.Wait()
}

// inherits starts this program again, which gets the node and works on its objects.
func inherits(fd int) {
	bo := createBo(fd, page)
	bytes := mapBo(fd, bo, page)
	bytes[0] = 42
	duplicate, err := syscall.Dup(fd)
	must(err, "dup")
	child := exec.Command("/proc/self/exe", "inherited", strconv.Itoa(int(bo)))
	child.ExtraFiles = []*os.File{os.NewFile(uintptr(duplicate), render)}
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	must(child.Run(), "the child")
	check(bytes[0] == 43, "the child's mapping is another: %d", bytes[0])
	err = closeBo(fd, bo)
	check(errors.Is(err, syscall.EINVAL), "what the child closed: %v", err)
	must(syscall.Munmap(bytes), "munmap")
	check(child.ExtraFiles[0].Close() == nil, "close")
}

// inherited is the other side.
func inherited(handle string) {
	const fd = 3
	number, err := strconv.Atoi(handle)
	must(err, "the handle")
	bytes := mapBo(fd, uint32(number), page)
	check(bytes[0] == 42, "the parent's mapping is another: %d", bytes[0])
	bytes[0]++
	must(closeBo(fd, uint32(number)), "GEM_CLOSE in the child")
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "inherited":
		inherited(os.Args[2])
		return
	case len(os.Args) != 2:
		fail("usage: node VERSION")
	}
	// As many threads as on a larger machine.
	runtime.GOMAXPROCS(8)
	fd := open()
	looks(fd, os.Args[1])
	binds(fd)
	waits(fd)
	goroutines()
	inherits(fd)
	must(syscall.Close(fd), "close")
	fmt.Printf("go: ok, %d calls interrupted\n", interrupted.Load())
}
