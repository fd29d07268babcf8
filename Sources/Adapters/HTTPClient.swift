import CCurl
import Engine
import Values

/// The authorities that are trusted beside those that libcurl was built to trust.
package struct Certificates: Sendable {
    package var file: String?
    package var directory: String?

    package init(file: String? = nil, directory: String? = nil) {
        self.file = file
        self.directory = directory
    }

    /// From the variables that curl and OpenSSL go by: libcurl itself reads only some of them, and not in every build.
    package static func fromEnvironment(_ variable: (String) -> String? = { environment($0) }) -> Certificates {
        Certificates(file: variable("CURL_CA_BUNDLE") ?? variable("SSL_CERT_FILE"), directory: variable("SSL_CERT_DIR"))
    }
}

/// HTTP and HTTPS by libcurl: any number of requests at once, all on one thread that starts with the first.
///
/// So many as there may be connections are under way; the others wait for their turn in the order in which they came, and cost
/// no more than what was asked.
package final class HTTPClient: Sendable {
    /// The connections that are open at once, idle ones among them: 256 sockets, less those that wake the thread.
    package static let maxConnections = 250

    private let loop: HTTPLoop
    private let certificates: Certificates

    package convenience init(certificates: Certificates = .fromEnvironment()) {
        self.init(certificates: certificates, library: { sluice_curl_open() })
    }

    /// - Parameter library: finds libcurl; nil when it is not installed.
    init(certificates: Certificates, library: @escaping @Sendable () -> OpaquePointer?) {
        self.certificates = certificates
        loop = HTTPLoop(library)
    }

    deinit { loop.close() }

    /// Sends `request` and answers once, on the client's thread (which must not be held up) or, when the request itself is
    /// wrong, before this returns. The function returned stops the transfer.
    @discardableResult
    package func start(
        _ request: HTTPRequest, _ done: @escaping @Sendable (Result<HTTPResponse, AdapterError>) -> Void
    ) -> @Sendable () -> Void {
        do throws(AdapterError) {
            let transfer = try HTTPTransfer(request, certificates, done)
            try loop.add(transfer)
            return { [loop] in loop.cancel(transfer) }
        } catch {
            done(.failure(error))
            return {}
        }
    }
}

/// What the client and its thread share: the queues of transfers that are new, cancelled or perhaps late, and libcurl's
/// handle for all of them.
private final class HTTPLoop: @unchecked Sendable {
    // Sendable: `lock` guards the first group; the second belongs to the thread.
    private let lock = Lock()
    private var added: [HTTPTransfer] = []
    private var cancelled: [HTTPTransfer] = []
    private var due: [HTTPTransfer] = []
    private var closed = false
    private var multi: UnsafeMutableRawPointer?
    private var curl: OpaquePointer?

    private var running: [UnsafeMutableRawPointer: HTTPTransfer] = [:]
    /// Those that wait for a connection. Some may have been stopped meanwhile; so many of them have.
    private var waiting = Fifo<HTTPTransfer>()
    private var stoppedWaiting = 0
    private let library: @Sendable () -> OpaquePointer?

    init(_ library: @escaping @Sendable () -> OpaquePointer?) { self.library = library }

    func add(_ transfer: HTTPTransfer) throws(AdapterError) {
        try lock.withLock { () throws(AdapterError) in
            if closed { throw .cancelled }
            if multi == nil { try open() }
            added.append(transfer)
            wake()
        }
    }

    func cancel(_ transfer: HTTPTransfer) {
        lock.withLock {
            if closed { return }
            cancelled.append(transfer)
            wake()
        }
    }

    private func look(at transfer: HTTPTransfer) {
        lock.withLock {
            if closed { return }
            due.append(transfer)
            wake()
        }
    }

    func close() {
        lock.withLock {
            closed = true
            wake()
        }
    }

    private func wake() {
        if let curl, let multi { _ = sluice_curl_multi_wake(curl, multi) }
    }

    /// Finds libcurl and starts the thread.
    private func open() throws(AdapterError) {
        guard let curl = library() else {
            #if canImport(Glibc)
                let install = "apt-get install libcurl4"
            #else
                let install = "brew install curl"
            #endif
            throw AdapterError(
                .libraryMissing, "HTTP needs libcurl (7.68 or newer), which is not installed: \(install)")
        }
        guard let multi = sluice_curl_multi(curl) else {
            throw AdapterError(
                .unavailable, "there is no memory left for HTTP; run fewer programs at once", retryable: true)
        }
        _ = sluice_curl_multi_limit(curl, multi, HTTPClient.maxConnections)
        self.curl = curl
        self.multi = multi
        if startThread({ self.run() }) { return }
        self.multi = nil
        sluice_curl_multi_free(curl, multi)
        throw AdapterError(.unavailable, "the system has no thread left for HTTP; try again later", retryable: true)
    }

    private func run() {
        guard let (curl, multi) = lock.withLock({ curl.flatMap { curl in multi.map { (curl, $0) } } }) else { return }
        while takeOrders(curl, multi) {
            _ = sluice_curl_multi_perform(curl, multi)
            var done = sluice_curl_done()
            while sluice_curl_multi_next(curl, multi, &done) == 1 {
                guard let easy = done.easy, let transfer = running.removeValue(forKey: easy) else { continue }
                _ = sluice_curl_multi_remove(curl, multi, easy)
                switch transfer.finished(done.result) {
                case .again: begin(transfer, curl, multi)
                case .end(let result): transfer.end(result)
                }
            }
            if beginWaiting(curl, multi) { continue }
            // Sockets, libcurl's own timers and whoever has an order for the thread wake it.
            _ = sluice_curl_multi_poll(curl, multi, 60_000)
        }
        for (easy, transfer) in running {
            _ = sluice_curl_multi_remove(curl, multi, easy)
            transfer.end(.failure(.cancelled))
        }
        running = [:]
        while let transfer = waiting.popFirst() { transfer.end(.failure(.cancelled)) }
        sluice_curl_multi_free(curl, multi)
    }

    /// Starts what was added and stops what was cancelled; false when the client is gone.
    private func takeOrders(_ curl: OpaquePointer, _ multi: UnsafeMutableRawPointer) -> Bool {
        let (new, gone, late, open) = lock.withLock { () -> ([HTTPTransfer], [HTTPTransfer], [HTTPTransfer], Bool) in
            defer { (added, cancelled, due) = ([], [], []) }
            // Nobody may wake a handle that is about to be freed.
            if closed { self.multi = nil }
            return (added, cancelled, due, !closed)
        }
        for transfer in new {
            if open {
                waiting.append(transfer)
                watch(transfer, curl, multi)
            } else {
                transfer.end(.failure(.cancelled))
            }
        }
        for transfer in gone { stop(transfer, .cancelled, curl, multi) }
        for transfer in late {
            if let error = transfer.expired() {
                stop(transfer, error, curl, multi)
            } else {
                watch(transfer, curl, multi)
            }
        }
        if open { _ = beginWaiting(curl, multi) }
        return open
    }

    /// Begins those whose turn it is. False when that is none.
    private func beginWaiting(_ curl: OpaquePointer, _ multi: UnsafeMutableRawPointer) -> Bool {
        var hasBegun = false
        while running.count < HTTPClient.maxConnections, let transfer = waiting.popFirst() {
            if transfer.isOver {
                stoppedWaiting -= 1
                continue
            }
            begin(transfer, curl, multi)
            watch(transfer, curl, multi)
            hasBegun = true
        }
        return hasBegun
    }

    /// Looks at the transfer again when its time may be up by its own clock, unless it has ended.
    private func watch(_ transfer: HTTPTransfer, _ curl: OpaquePointer, _ multi: UnsafeMutableRawPointer) {
        guard !transfer.isOver else { return }
        transfer.watch { [weak self] in self?.look(at: transfer) }
        // The clock may have passed that time meanwhile.
        if let error = transfer.expired() { stop(transfer, error, curl, multi) }
    }

    private func begin(_ transfer: HTTPTransfer, _ curl: OpaquePointer, _ multi: UnsafeMutableRawPointer) {
        do throws(AdapterError) {
            try transfer.prepare(curl)
            guard let easy = transfer.easy, sluice_curl_multi_add(curl, multi, easy) == 0 else {
                throw AdapterError(.unavailable, "libcurl took no further request; run fewer at once", retryable: true)
            }
            running[easy] = transfer
        } catch {
            transfer.end(.failure(error))
        }
    }

    private func stop(
        _ transfer: HTTPTransfer, _ why: AdapterError, _ curl: OpaquePointer, _ multi: UnsafeMutableRawPointer
    ) {
        if transfer.isOver { return }
        if let easy = transfer.easy, running.removeValue(forKey: easy) != nil {
            _ = sluice_curl_multi_remove(curl, multi, easy)
        } else {
            stoppedWaiting += 1
        }
        transfer.end(.failure(why))
        // What was stopped must not stay because what is under way takes its time.
        guard stoppedWaiting > 64, stoppedWaiting * 2 > waiting.count else { return }
        var still = Fifo<HTTPTransfer>()
        for transfer in waiting.elements where !transfer.isOver { still.append(transfer) }
        (waiting, stoppedWaiting) = (still, 0)
    }
}
