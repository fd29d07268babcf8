import Engine
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The side of a run that faces the user: signals stop it, its events are shown.
///
/// The first signal asks the run to finish what is in flight; the second ends the process at once.
package final class RunControl: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    package let console: Console
    private let lock = Lock()
    private var stop: (@Sendable () -> Void)?
    private var stopped: StopSignal?
    private var display: ProgressDisplay?
    private var last: (@Sendable () -> Void)?

    package init(_ console: Console) { self.console = console }

    /// Told by the driver once the run can be stopped and before it starts.
    ///
    /// - Parameters:
    ///   - events: what is shown while it runs.
    ///   - stop: begins to finish what is in flight, up to the run's deadline; called at most once, on another thread.
    package func attach(_ events: EventStream, stop: @escaping @Sendable () -> Void) {
        let display = ProgressDisplay(events, console)
        let isLate = lock.withLock {
            self.display = display
            self.stop = stop
            return stopped != nil
        }
        display.start()
        if isLate { stop() }
    }

    /// Ends what `attach` began, when a run is only one of several.
    package func detach() {
        let display = lock.withLock { () -> ProgressDisplay? in
            stop = nil
            defer { self.display = nil }
            return self.display
        }
        display?.finish()
    }

    /// Sets what is still to be done when a second signal ends the process at once; must not take long.
    func beforeEndingAtOnce(_ body: @escaping @Sendable () -> Void) { lock.withLock { last = body } }

    /// Whether a signal asked it to end.
    package var isStopped: Bool { lock.withLock { stopped != nil } }

    /// Performs a run, with signals on and the display off again at its end. Gives the exit code of the process.
    func run(_ body: () -> Int32) -> Int32 {
        Signals.watch { [self] in receive($0) }
        console.whenLost { [self] number in
            // What cannot be written need not be computed either.
            if number == EPIPE { receive(.brokenPipe) } else { lock.withLock { stop }?() }
        }
        let code = body()
        lock.withLock { display }?.finish()
        console.close()
        return lock.withLock { stopped }?.exitCode.rawValue ?? code
    }

    private func receive(_ signal: StopSignal) {
        let (isFirst, stop) = lock.withLock { () -> (Bool, (@Sendable () -> Void)?) in
            defer { stopped = stopped ?? signal }
            return (stopped == nil, self.stop)
        }
        if isFirst {
            stop?()
            // Without a way to stop it, nothing is in flight yet.
            if stop == nil, signal != .brokenPipe { end(signal) }
        } else if signal != .brokenPipe {
            end(signal)
        }
    }

    private func end(_ signal: StopSignal) {
        lock.withLock { last }?()
        console.abandonStatus()
        _exit(signal.exitCode.rawValue)
    }
}
