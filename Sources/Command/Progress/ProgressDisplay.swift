import Engine
import Inspector
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Shows a run's events: as JSON lines, as one line that changes on a terminal, or now and then as a line of text.
final class ProgressDisplay: @unchecked Sendable {
    // Sendable: `lock` guards `isEnding`; the rest is the display thread's own, or the ending thread's when there is none.

    private enum Style { case json, status, lines }

    private static let redrawMs: Int32 = 100
    /// Plain lines come further and further apart, so that a log of hours stays readable.
    private static let firstGapMs: Int64 = 1000
    private static let lastGapMs: Int64 = 30_000

    private let stream: EventStream
    private let subscription: EventSubscription
    private let console: Console
    private let style: Style
    private let bell: Bell
    private var model: ProgressModel
    private var gapMs = ProgressDisplay.firstGapMs
    private var nextLineMs: Int64
    private var lastLine = ""
    private let lock = Lock()
    private var isEnding = false
    private let ended = Bell()
    private let beginning: Beginning

    init(_ stream: EventStream, _ console: Console) {
        let bell = Bell()
        self.bell = bell
        self.stream = stream
        self.console = console
        style = console.json ? .json : console.terminal.error && console.terminal.canRedraw ? .status : .lines
        let beginning = Beginning()
        self.beginning = beginning
        subscription = stream.subscribe(capacity: console.json ? 65_536 : 8192) {
            beginning.ask()
            bell.ring()
        }
        let now = MonotonicClock.nowMs
        model = ProgressModel(startMs: now)
        nextLineMs = now + ProgressModel.quietMs
    }

    /// Shows events from the first one on: a run that has none, such as a script that only prints, has no thread for them.
    func start() { beginning.allow { [self] in run() } }

    private func run() {
        let began = startThread { [self] in
            while !lock.withLock({ isEnding }) {
                // JSON lines come at once; the others look around ten times a second while there is something to see.
                bell.wait(style == .json || !model.isBusy ? -1 : ProgressDisplay.redrawMs)
                show()
                if style != .json, !lock.withLock({ isEnding }) { pause() }
            }
            ended.ring()
        }
        precondition(began, "the system gives no more threads")
    }

    /// Shows what is left and ends the display.
    func finish() {
        lock.withLock { isEnding = true }
        if beginning.hasBegun {
            bell.ring()
            ended.wait(-1)
        }
        show()
        stream.unsubscribe(subscription)
        console.setStatus(nil)
        if style != .json, model.isWorthTelling(MonotonicClock.nowMs) { writeLine() }
    }

    /// A busy run wakes the display with each event; more than ten looks a second help nobody.
    private func pause() {
        var time = timespec(tv_sec: 0, tv_nsec: 20_000_000)
        nanosleep(&time, nil)
    }

    private func show() {
        let (events, lost) = subscription.take()
        if style == .json {
            if lost > 0 {
                console.writeJSON(.jsonObject([("type", .string("events.lost")), ("count", .int(Int64(lost)))]))
            }
            for event in events { console.writeJSON(event.value, within: TraceLine.longest) }
            return
        }
        model.lose(lost)
        for event in events { model.take(event) }
        let now = MonotonicClock.nowMs
        model.look(now)
        if style == .status {
            console.setStatus(model.isLong ? dimmed(String(model.line(now).prefix(Terminal.width(.error) - 1))) : nil)
        } else if now >= nextLineMs, model.isLong {
            gapMs = min(gapMs * 2, ProgressDisplay.lastGapMs)
            nextLineMs = now + gapMs
            writeLine()
        }
    }

    private func writeLine() {
        let line = model.line(MonotonicClock.nowMs)
        guard line != lastLine else { return }
        lastLine = line
        console.write(line + "\n", to: .error)
    }

    private func dimmed(_ text: String) -> String {
        console.terminal.usesColor(.error) ? "\u{1b}[2m\(text)\u{1b}[0m" : text
    }
}

/// Begins something once it is both allowed and asked for.
private final class Beginning: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let lock = Lock()
    private var begin: (@Sendable () -> Void)?
    private var isAsked = false
    private var isOver = false
    private var begun = false

    func ask() { change { isAsked = true } }
    func allow(_ begin: @escaping @Sendable () -> Void) { change { self.begin = begin } }

    private func change(_ body: () -> Void) {
        let due = lock.withLock { () -> (@Sendable () -> Void)? in
            body()
            guard isAsked, !isOver, let begin else { return nil }
            (isOver, begun, self.begin) = (true, true, nil)
            return begin
        }
        due?()
    }

    /// Whether it has begun; if not, it never will.
    var hasBegun: Bool {
        lock.withLock {
            (isOver, begin) = (true, nil)
            return begun
        }
    }
}

/// Wakes one thread; ringing never blocks. A pipe, because waiting on it takes a timeout on every system.
final class Bell: Sendable {
    private let ends: (read: Int32, write: Int32)

    init() {
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "the system gives no more file descriptors")
        for end in ends {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        self.ends = (ends[0], ends[1])
    }

    deinit {
        close(ends.read)
        close(ends.write)
    }

    func ring() {
        var byte: UInt8 = 1
        // A full pipe rings already.
        _ = write(ends.write, &byte, 1)
    }

    /// Waits for a ring, for at most `ms`; for ever when that is negative.
    func wait(_ ms: Int32) {
        var ready = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
        poll(&ready, 1, ms)
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(ends.read, &bytes, bytes.count) == bytes.count {}
    }

    /// Waits for a ring, or for `descriptor` to be readable or at its end; whether it is.
    func wait(orFor descriptor: Int32) -> Bool {
        var ready = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0),
        ]
        poll(&ready, 2, -1)
        if ready[1].revents != 0 { wait(0) }
        return ready[0].revents != 0
    }
}
