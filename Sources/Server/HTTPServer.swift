//! Server: requests on a loopback port come in; answers that others give go out.
import CHTTP
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An HTTP/1.1 server on 127.0.0.1, over libmicrohttpd.
///
/// A request reaches the handler whole, on the server's thread, and may be answered from any thread, at any time, once. What
/// still waits when the server stops is answered with 503.
package final class HTTPServer: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    /// Bytes of a request's body; longer ones are refused with 413.
    package static let bodyLimit = 4 << 20
    /// Connections that are open at once; further ones are refused.
    package static let connectionLimit: UInt32 = 256
    /// Seconds after which a connection that sends nothing is closed.
    static let idleSeconds: UInt32 = 30
    /// Nanoseconds that answers may take to be sent when the server stops.
    static let farewell: Int64 = 500_000_000

    /// Why there is no server.
    package enum Refusal: Error, Equatable {
        /// libmicrohttpd is not installed.
        case noLibrary
        /// The system's error, such as `EADDRINUSE`.
        case port(UInt16, errno: Int32)
    }

    private let lock = Lock()
    private let handler: @Sendable (Exchange) -> Void
    private var server: OpaquePointer?
    private var waiting: [ObjectIdentifier: Exchange] = [:]
    private var isStopping = false

    /// - Parameters:
    ///   - port: 0 for a free one.
    ///   - handler: is called on the server's thread, so it must be brief.
    package init(port: UInt16, _ handler: @escaping @Sendable (Exchange) -> Void) throws(Refusal) {
        self.handler = handler
        var reason: Int32 = 0
        server = sluice_http_start(
            port, HTTPServer.bodyLimit, HTTPServer.connectionLimit, HTTPServer.idleSeconds, HTTPServer.arrived,
            Unmanaged.passUnretained(self).toOpaque(), &reason)
        guard server != nil else { throw reason == 1 ? .noLibrary : .port(port, errno: errno) }
    }

    deinit { stop() }

    /// The port that it serves.
    package var port: UInt16 { lock.withLock { server.map { sluice_http_port($0) } ?? 0 } }

    /// Whether every request so far has been answered.
    package var isQuiet: Bool { lock.withLock { waiting.isEmpty } }

    private static let arrived: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, Int32) -> Void = {
        @Sendable (context, request, isTooLarge) in
        guard let context, let request else { return }
        let server = Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue()
        server.take(Exchange(request, server), isTooLarge: isTooLarge != 0)
    }

    private func take(_ exchange: Exchange, isTooLarge: Bool) {
        let isLate = lock.withLock {
            waiting[ObjectIdentifier(exchange)] = exchange
            return isStopping
        }
        if isLate {
            exchange.refuse(503, "stopped", "the server stops")
        } else if isTooLarge {
            exchange.refuse(413, "too-large", "a body may have \(HTTPServer.bodyLimit) bytes")
        } else {
            handler(exchange)
        }
    }

    /// Takes the request out of those that wait; false when it has been answered.
    fileprivate func claim(_ exchange: Exchange) -> Bool {
        lock.withLock { waiting.removeValue(forKey: ObjectIdentifier(exchange)) != nil }
    }

    /// Answers what waits, sends what was answered, and ends. Not on the server's own thread.
    package func stop() {
        let (running, left) = lock.withLock { () -> (OpaquePointer?, [Exchange]) in
            isStopping = true
            defer { server = nil }
            return (server, Array(waiting.values))
        }
        guard let running else { return }
        sluice_http_quiesce(running)
        for exchange in left { exchange.refuse(503, "stopped", "the server stops") }
        // libmicrohttpd tells of what it still sends by nothing but this count, in which idle connections are, too.
        let deadline = MonotonicClock.now + HTTPServer.farewell
        while sluice_http_connections(running) > 0, MonotonicClock.now < deadline { usleep(1_000) }
        sluice_http_stop(running)
    }
}

/// One request, and the right to answer it.
package final class Exchange: @unchecked Sendable {
    // Sendable: the server hands out the right to answer once; the rest is immutable.
    package let method: String
    /// Without the query.
    package let path: String
    package let body: [UInt8]
    private let request: OpaquePointer
    private let headers: [String: String]
    private let server: HTTPServer

    /// The headers that handlers ask for.
    private static let known = ["Host", "Content-Type", "Accept", "Prefer", "Origin"]

    fileprivate init(_ request: OpaquePointer, _ server: HTTPServer) {
        self.request = request
        self.server = server
        method = String(cString: sluice_http_method(request))
        path = String(cString: sluice_http_path(request))
        var length = 0
        let bytes = sluice_http_body(request, &length)
        body = Array(UnsafeBufferPointer(start: bytes, count: bytes == nil ? 0 : length))
        var found: [String: String] = [:]
        for name in Exchange.known {
            if let value = sluice_http_header(request, name) { found[name] = String(cString: value) }
        }
        headers = found
    }

    /// One of `Host`, `Content-Type`, `Accept`, `Prefer` and `Origin`.
    package func header(_ name: String) -> String? { headers[name] }

    /// Answers; nothing happens when it was answered before.
    package func answer(_ status: UInt32, _ headers: [(String, String)] = [], _ body: [UInt8]) {
        guard server.claim(self) else { return }
        // C strings, that live until the answer was copied.
        var texts = headers.flatMap { [strdup($0.0), strdup($0.1)] }
        defer { for text in texts { free(text) } }
        texts.append(nil)
        var names: [UnsafePointer<CChar>?] = texts.map { UnsafePointer($0) }
        names.withUnsafeMutableBufferPointer { names in
            body.withUnsafeBytes { sluice_http_answer(request, status, names.baseAddress, $0.baseAddress, $0.count) }
        }
    }

    /// Answers `{"error":{"code":…,"message":…}}`, after which the connection is closed: what needs no fiber to be written.
    ///
    /// - Parameter code: of letters and hyphens.
    package func refuse(_ status: UInt32, _ code: String, _ message: String) {
        var body = Array("{\"error\":{\"code\":\"\(code)\",\"message\":\"".utf8)
        for byte in message.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { body.append(UInt8(ascii: "\\")) }
            body.append(max(byte, UInt8(ascii: " ")))
        }
        body += Array("\"}}\n".utf8)
        answer(status, [("Content-Type", "application/json"), ("Connection", "close")], body)
    }
}
