#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A terminal device whose other end a test holds: it types, and sees what a person would see.
package final class PseudoTerminal {
    package let keyboard: Int32
    /// What a program opens as its terminal.
    package let path: String
    /// Everything that was written so far.
    package private(set) var bytes: [UInt8] = []
    package private(set) var screen: TerminalScreen

    /// The system gives no terminal device, or none more.
    package struct Unavailable: Error {}

    /// Whether the system gives terminal devices to open; a container may have none.
    package static let isAvailable: Bool = {
        guard let terminal = try? PseudoTerminal() else { return false }
        let device = open(terminal.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard device >= 0 else { return false }
        close(device)
        return true
    }()

    package init(columns: Int = 80, rows: Int = 24) throws {
        screen = TerminalScreen(columns: columns, rows: rows)
        (keyboard, path) = try PseudoTerminal.device()
        _ = fcntl(keyboard, F_SETFL, fcntl(keyboard, F_GETFL) | O_NONBLOCK)
        var size = winsize()
        (size.ws_col, size.ws_row) = (UInt16(columns), UInt16(rows))
        guard ioctl(keyboard, UInt(TIOCSWINSZ), &size) == 0 else { throw Unavailable() }
    }

    deinit { close(keyboard) }

    private static func device() throws -> (keyboard: Int32, path: String) {
        #if canImport(Glibc)
            let keyboard = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
            // The library's `unlockpt` and `ptsname` are hidden behind a macro; these are TIOCSPTLCK and TIOCGPTN.
            var (locked, number): (Int32, Int32) = (0, 0)
            if ioctl(keyboard, 0x4004_5431, &locked) == 0, ioctl(keyboard, 0x8004_5430, &number) == 0 {
                return (keyboard, "/dev/pts/\(number)")
            }
        #else
            let keyboard = posix_openpt(O_RDWR | O_NOCTTY)
            _ = fcntl(keyboard, F_SETFD, FD_CLOEXEC)
            if grantpt(keyboard) == 0, unlockpt(keyboard) == 0, let name = ptsname(keyboard) {
                return (keyboard, String(cString: name))
            }
        #endif
        if keyboard >= 0 { close(keyboard) }
        throw Unavailable()
    }

    /// Whether lines are edited by the program, and not by the terminal.
    package var isRaw: Bool {
        var mode = termios()
        return tcgetattr(keyboard, &mode) == 0 && mode.c_lflag & tcflag_t(ICANON) == 0
    }

    /// Whether the terminal shows what is typed by itself.
    package var echoes: Bool {
        var mode = termios()
        return tcgetattr(keyboard, &mode) == 0 && mode.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Types a text, however long; reads what comes meanwhile, so that neither side waits for the other.
    package func type(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            _ = read(ms: 0)
            let count = rest.withUnsafeBytes { write(keyboard, $0.baseAddress!, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if !read(ms: 10), errno != EAGAIN { return }
        }
    }

    /// Reads until `isEnough` holds, for at most so many seconds; whether it holds.
    package func wait(_ seconds: Int = 20, until isEnough: (TerminalScreen) -> Bool) -> Bool {
        let end = time(nil) + seconds
        while !isEnough(screen) {
            guard time(nil) <= end else { return false }
            _ = read(ms: 20)
        }
        return true
    }

    /// Reads what is there.
    package func look() {
        while read(ms: 0) {}
    }

    /// False when nothing came.
    private func read(ms: Int32) -> Bool {
        var ready = pollfd(fd: keyboard, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, ms) > 0 else { return false }
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        let count = readBytes(keyboard, &piece)
        guard count > 0 else {
            // Nobody has the device open: it may be opened yet, or again.
            if ms > 0 { usleep(UInt32(ms) * 1000) }
            return false
        }
        bytes += piece[..<count]
        screen.take(piece[..<count])
        return true
    }
}

private func readBytes(_ descriptor: Int32, _ piece: inout [UInt8]) -> Int { read(descriptor, &piece, piece.count) }
