//! TestSupport: servers on 127.0.0.1 for the tests of every target: whatever a client must survive, they do;
//! and a clock that a test moves.

import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A request as the server read it.
package struct ServedRequest: Sendable {
    package var method: String
    /// With the query.
    package var path: String
    /// Names in lower case.
    package var headers: [String: String]
    package var body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// A server of scripted answers on a free port of 127.0.0.1, one thread a connection, until it is dropped.
package final class LoopbackServer: Sendable {
    /// How long a connection may stand still, so that no test hangs.
    private static let patienceSeconds = 20

    package let port: Int
    private let state: ServerState

    package var url: String { "http://127.0.0.1:\(port)" }
    /// Every request so far, in the order they were read.
    package var requests: [ServedRequest] { state.requests }
    /// Connections accepted so far.
    package var connections: Int { state.connections }

    /// - Parameter answer: called on the connection's thread for each request; the connection stays open until it closes it
    ///   or the client does.
    package init(_ answer: @escaping @Sendable (ServedRequest, ServerConnection) -> Void) {
        #if canImport(Glibc)
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
            let listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(
                    bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                        && getsockname(listener, $0, &length) == 0)
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        state = ServerState(listener)
        _ = startThread { [state] in state.serve(LoopbackServer.patienceSeconds, answer) }
    }

    deinit { state.stop() }

    /// A port of 127.0.0.1 on which nobody listens.
    package static func closedPort() -> Int {
        let server = LoopbackServer { _, _ in }
        return server.port
    }
}

private final class ServerState: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let lock = Lock()
    private let listener: Int32
    private var served: [ServedRequest] = []
    private var accepted = 0

    init(_ listener: Int32) { self.listener = listener }

    var requests: [ServedRequest] { lock.withLock { served } }
    var connections: Int { lock.withLock { accepted } }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    func serve(_ patience: Int, _ answer: @escaping @Sendable (ServedRequest, ServerConnection) -> Void) {
        while true {
            let client = accept(listener, nil, nil)
            if client < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                break
            }
            lock.withLock { accepted += 1 }
            var limit = timeval(tv_sec: patience, tv_usec: 0)
            setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            // Or the end of an answer would wait for the client to acknowledge its beginning.
            var now: Int32 = 1
            setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &now, socklen_t(MemoryLayout<Int32>.size))
            _ = startThread {
                let connection = ServerConnection(client)
                while let request = connection.readRequest() {
                    self.lock.withLock { self.served.append(request) }
                    answer(request, connection)
                }
                connection.close()
            }
        }
        closeSocket(listener)
    }
}

/// One client.
package final class ServerConnection: @unchecked Sendable {
    // Sendable: used by its own thread alone.
    private var socket: Int32
    private var buffer: [UInt8] = []

    init(_ socket: Int32) { self.socket = socket }

    /// A whole answer with its length.
    package func respond(_ status: Int, _ headers: [(String, String)] = [], _ body: String = "") {
        head(status, headers + [("Content-Length", String(body.utf8.count))])
        send(body)
    }

    /// The same of bytes.
    package func answer(_ status: Int, _ body: [UInt8]) {
        head(status, [("Content-Length", String(body.count))])
        send(body)
    }

    package func head(_ status: Int, _ headers: [(String, String)]) {
        send("HTTP/1.1 \(status) Because\r\n" + headers.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n")
    }

    /// A piece of a body sent with `Transfer-Encoding: chunked`; the empty one ends it.
    package func chunk(_ text: String) { send(String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n") }

    package func send(_ text: String) { send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count, socket >= 0 {
            #if canImport(Glibc)
                let flags = Int32(MSG_NOSIGNAL)
            #else
                let flags: Int32 = 0
            #endif
            let wrote = bytes.withUnsafeBytes { sendBytes(socket, $0.baseAddress! + sent, $0.count - sent, flags) }
            if wrote <= 0 { return close() }
            sent += wrote
        }
    }

    package func close() {
        if socket >= 0 { closeSocket(socket) }
        socket = -1
    }

    /// Ends the connection with a reset instead of a proper end.
    package func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// True when the client closes its end within the time.
    package func waitForClose(ms: Int32) -> Bool {
        var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, ms) > 0 else { return false }
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, 0) <= 0
    }

    fileprivate func readRequest() -> ServedRequest? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let at = buffer.indices.first(where: { buffer[$0...].starts(with: end) }) {
                let lines = String(decoding: buffer[..<at], as: UTF8.self).split(separator: "\r\n")
                buffer.removeFirst(at + 4)
                return request(lines.map(String.init))
            }
            guard receive() else { return nil }
        }
    }

    private func request(_ lines: [String]) -> ServedRequest? {
        let parts = (lines.first ?? "").split(separator: " ")
        guard parts.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            headers[pair[0].lowercased()] = pair.count > 1 ? String(pair[1].drop { $0 == " " }) : ""
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while buffer.count < length {
            guard receive() else { return nil }
        }
        let body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return ServedRequest(method: String(parts[0]), path: String(parts[1]), headers: headers, body: body)
    }

    private func receive() -> Bool {
        guard socket >= 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let got = recv(socket, &bytes, bytes.count, 0)
        if got > 0 { buffer.append(contentsOf: bytes[..<got]) }
        return got > 0
    }
}

// `close` and `send` are also names of methods here.
private func closeSocket(_ descriptor: Int32) { close(descriptor) }
private func sendBytes(_ socket: Int32, _ bytes: UnsafeRawPointer, _ count: Int, _ flags: Int32) -> Int {
    send(socket, bytes, count, flags)
}
