import CCurl
import Engine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One request on its way, redirects included. Made by whoever asks, then touched by the client's thread alone.
final class HTTPTransfer: @unchecked Sendable {
    // Sendable: handed over once, under the loop's lock.
    let request: HTTPRequest
    private(set) var done: (@Sendable (Result<HTTPResponse, AdapterError>) -> Void)?
    private var curl: OpaquePointer?
    private(set) var easy: UnsafeMutableRawPointer?
    private var headerList: OpaquePointer?

    private var method: String
    private var url: String
    private var headers: [(name: String, value: String)]
    private var body: UnsafeMutableBufferPointer<UInt8>?
    private var address: WebAddress
    private var redirects = 0

    private var status = 0
    private var received: [UInt8] = []
    private var answered: [(name: String, value: String)] = []
    /// Why a sink told libcurl to stop.
    private var refusal: AdapterError?

    private let deadline: Int64?
    private var lastActivity: Int64
    private var lastSent: Int64 = 0

    private var timer: ScheduledCall?

    private let certificates: Certificates

    init(
        _ request: HTTPRequest, _ certificates: Certificates,
        _ done: @escaping @Sendable (Result<HTTPResponse, AdapterError>) -> Void
    ) throws(AdapterError) {
        self.request = request
        self.certificates = certificates
        self.done = done
        method = request.method
        url = request.url
        headers = request.headers
        try request.validate()
        address = try WebAddress(request.url)
        try request.permit(address)
        let now = request.clock.nowMs
        deadline = request.timeoutMs.map { now + $0 }
        lastActivity = now
        if let bytes = request.body {
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
            _ = copy.initialize(from: bytes)
            body = copy
        }
    }

    deinit {
        release()
        body?.deallocate()
    }

    /// Makes the libcurl handle for the current address.
    func prepare(_ curl: OpaquePointer) throws(AdapterError) {
        release()
        self.curl = curl
        guard let easy = sluice_curl_easy(curl) else {
            throw AdapterError(
                .unavailable, "there is no memory left for another request; run fewer at once", retryable: true)
        }
        self.easy = easy
        // However long it waited for a connection, it is silent only from now on.
        lastActivity = request.clock.nowMs
        status = 0
        received = []
        answered = []
        var failed: Int32 = sluice_curl_set_string(curl, easy, CurlOption.url, url)
        let numbers: [(Int32, Int)] = [
            (CurlOption.noSignal, 1), (CurlOption.followLocation, 0), (CurlOption.protocols, curlWebProtocols),
            (CurlOption.verifyPeer, 1), (CurlOption.verifyHost, 2),
            (CurlOption.connectTimeoutMs, HTTPRequest.connectMs),
        ]
        for (option, value) in numbers where failed == 0 { failed = sluice_curl_set_long(curl, easy, option, value) }
        if failed == 0 { failed = sluice_curl_set_string(curl, easy, CurlOption.userAgent, "sluice") }
        // The empty string stands for every encoding that the library can undo.
        if failed == 0 { failed = sluice_curl_set_string(curl, easy, CurlOption.acceptEncoding, "") }
        if failed == 0 { failed = setCertificates(curl, easy) }
        if failed == 0 { failed = setMethod(curl, easy) }
        if failed == 0 { failed = setHeaders(curl, easy) }
        if failed == 0 {
            failed = sluice_curl_set_sinks(curl, easy, bodySink, headerSink, Unmanaged.passUnretained(self).toOpaque())
        }
        if failed != 0 { throw CurlFailure.error(failed, osErrno: 0, address.authority, reason(failed), safe: true) }
    }

    private func release() {
        guard let curl else { return }
        if let easy { sluice_curl_easy_free(curl, easy) }
        if let headerList { sluice_curl_list_free(curl, headerList) }
        (easy, headerList) = (nil, nil)
    }

    private func setCertificates(_ curl: OpaquePointer, _ easy: UnsafeMutableRawPointer) -> Int32 {
        var failed: Int32 = 0
        if let file = certificates.file {
            failed = sluice_curl_set_string(curl, easy, CurlOption.certificateFile, file)
        }
        if failed == 0, let directory = certificates.directory {
            // Not every TLS library behind libcurl can; the file above then stands alone.
            _ = sluice_curl_set_string(curl, easy, CurlOption.certificateDirectory, directory)
        }
        return failed
    }

    private func setMethod(_ curl: OpaquePointer, _ easy: UnsafeMutableRawPointer) -> Int32 {
        var failed: Int32 = 0
        if method == "HEAD" { return sluice_curl_set_long(curl, easy, CurlOption.noBody, 1) }
        if let body {
            failed = sluice_curl_set_long(curl, easy, CurlOption.post, 1)
            if failed == 0 { failed = sluice_curl_set_size(curl, easy, Int64(body.count)) }
            if failed == 0 {
                // A pointer even for an empty body, or libcurl would read one from standard input.
                let bytes = body.baseAddress.map { UnsafeRawPointer($0) }
                failed = sluice_curl_set_pointer(curl, easy, CurlOption.postFields, bytes)
            }
        } else if method == "POST" {
            failed = sluice_curl_set_long(curl, easy, CurlOption.post, 1)
            if failed == 0 { failed = sluice_curl_set_size(curl, easy, 0) }
            if failed == 0 { failed = sluice_curl_set_string(curl, easy, CurlOption.postFields, nil) }
        }
        if failed == 0, method != "GET" || body != nil {
            failed = sluice_curl_set_string(curl, easy, CurlOption.customRequest, method)
        }
        return failed
    }

    private func setHeaders(_ curl: OpaquePointer, _ easy: UnsafeMutableRawPointer) -> Int32 {
        var lines = headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        // Not asking "may I?" before each larger body saves a round trip, and a second's wait with servers that ignore it.
        lines.append("Expect:")
        if body != nil, !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            lines.append("Content-Type:")
        }
        for line in lines {
            guard let longer = sluice_curl_list_append(curl, headerList, line) else { return 27 }
            headerList = longer
        }
        return sluice_curl_set_headers(curl, easy, headerList)
    }

    private func reason(_ code: Int32) -> String {
        guard let curl, let text = sluice_curl_error(curl, code) else { return "curl \(code)" }
        return String(cString: text)
    }
}

extension HTTPTransfer {
    /// What is to happen after libcurl has finished with a transfer.
    enum Next {
        case again
        case end(Result<HTTPResponse, AdapterError>)
    }

    /// Takes libcurl's result.
    func finished(_ code: Int32) -> Next {
        guard let curl, let easy else { return .end(.failure(.cancelled)) }
        if let refusal { return .end(.failure(refusal)) }
        if code != 0 {
            let osErrno = sluice_curl_get_long(curl, easy, CurlInfo.osErrno)
            return .end(
                .failure(
                    CurlFailure.error(
                        code, osErrno: osErrno, address.authority, reason(code), safe: request.isSafeToRepeat)))
        }
        status = sluice_curl_get_long(curl, easy, CurlInfo.responseCode)
        if (300..<400).contains(status), let location = sluice_curl_get_string(curl, easy, CurlInfo.redirectURL) {
            do throws(AdapterError) {
                try redirect(to: String(cString: location))
                return .again
            } catch {
                return .end(.failure(error))
            }
        }
        return .end(.success(HTTPResponse(status: status, headers: answered, body: received, url: url)))
    }

    /// Points the transfer at its next address. Not left to libcurl, which knows nothing of what a run may reach.
    private func redirect(to location: String) throws(AdapterError) {
        redirects += 1
        if redirects > request.maxRedirects {
            throw AdapterError(
                .tooManyRedirects,
                "\(address.authority) redirected more than \(request.maxRedirects) times; check the address",
                data: [.host(address.authority)])
        }
        let next = try WebAddress(location)
        if address.secure, !next.secure, request.hasCredentials || address.hasCredentials {
            throw AdapterError(
                .insecureRedirect,
                "\(address.authority) redirects a request that carries credentials to plain http; ask \(next.authority) directly if that is meant",
                data: [.host(next.authority)])
        }
        try request.permit(next)
        if !next.sameOrigin(as: address) {
            headers.removeAll { HTTPRequest.credentialHeaders.contains($0.name.lowercased()) }
        }
        // RFC 9110, 15.4: 303 always turns into GET; 301 and 302 do for POST, as every browser has it.
        if status == 303 && method != "HEAD" || (status == 301 || status == 302) && method == "POST" {
            method = "GET"
            body?.deallocate()
            body = nil
            headers.removeAll { $0.name.lowercased().hasPrefix("content-") }
        }
        url = location
        address = next
    }

    /// It was answered.
    var isOver: Bool { done == nil }

    /// Answers, once.
    func end(_ result: Result<HTTPResponse, AdapterError>) {
        let answer = done
        done = nil
        timer?.cancel()
        timer = nil
        release()
        answer?(result)
    }

    /// Has `look` called on a thread of the clock when its time may be up.
    func watch(_ look: @escaping @Sendable () -> Void) {
        timer?.cancel()
        timer = nextDeadline.map { request.clock.schedule(atMs: $0, look) }
    }

    /// When the transfer is to be looked at again although nothing has come; nil for never.
    private var nextDeadline: Int64? {
        // One that still waits for a connection cannot be silent.
        let idle = easy == nil ? nil : request.idleMs.map { lastActivity + $0 }
        guard let deadline else { return idle }
        return min(deadline, idle ?? deadline)
    }

    /// The error when the time is up.
    func expired() -> AdapterError? {
        let now = request.clock.nowMs
        if let deadline, now >= deadline {
            return late("no complete answer within \(request.timeoutMs ?? 0) ms")
        }
        guard easy != nil, let idle = request.idleMs, now >= lastActivity + idle else { return nil }
        if let curl, let easy {
            // Sending goes through no sink of ours: ask.
            let sent = sluice_curl_sent(curl, easy)
            if sent != lastSent {
                lastSent = sent
                lastActivity = now
                return nil
            }
        }
        return late("nothing came for \(idle) ms")
    }

    private func late(_ what: String) -> AdapterError {
        AdapterError(
            .timeout, "\(address.authority) is too slow: \(what); allow more time or try again",
            retryable: request.isSafeToRepeat,
            data: [.host(address.authority)])
    }

    fileprivate func take(header line: UnsafeRawBufferPointer) {
        lastActivity = request.clock.nowMs
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // The head of another answer: of a proxy, or after 100 Continue.
            answered = []
            let parts = text.split(separator: " ", maxSplits: 2)
            status = parts.count > 1 ? Int(parts[1].prefix(3)) ?? 0 : 0
            return
        }
        guard let colon = text.utf8.firstIndex(of: 58) else { return }
        let name = text[..<colon].lowercased()
        let isBlank = { (character: Character) in character.isWhitespace }
        var value = text[text.index(after: colon)...].drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        if let index = answered.firstIndex(where: { $0.name == name }) {
            answered[index].value += (name == "set-cookie" ? "\n" : ", ") + value
        } else {
            answered.append((name, String(value)))
        }
    }

    /// False to stop the transfer.
    fileprivate func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        lastActivity = request.clock.nowMs
        if received.count + bytes.count > request.maxBytes {
            refusal = AdapterError(
                .tooLarge,
                "the answer of \(address.authority) has more than \(request.maxBytes) bytes; pass a larger :max-bytes",
                data: [.host(address.authority)])
            return false
        }
        if received.isEmpty, !(300..<400).contains(status) { request.onHead?(status, answered) }
        received.append(contentsOf: bytes)
        if !(300..<400).contains(status) { request.onChunk?(status, Array(bytes)) }
        return true
    }
}

private func bodySink(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
    // Any other number than that given makes libcurl stop.
    return transfer.take(body: UnsafeRawBufferPointer(start: bytes, count: size * count))
        ? size * count : (size * count == 0 ? 1 : 0)
}

private func headerSink(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
        .take(header: UnsafeRawBufferPointer(start: bytes, count: size * count))
    return size * count
}
