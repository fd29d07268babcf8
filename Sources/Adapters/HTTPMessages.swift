import Engine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Values

/// A request, and what it may cost.
package struct HTTPRequest: Sendable {
    package static let defaultMaxBytes = 64 << 20
    package static let defaultTimeoutMs: Int64 = 120_000
    package static let defaultIdleMs: Int64 = 60_000
    package static let connectMs = 20_000
    package static let defaultRedirects = 10

    package var method: String
    package var url: String
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8]?
    /// What the limits below are measured on.
    package var clock: any Clock
    /// For everything, redirects included; nil for no limit.
    package var timeoutMs: Int64? = HTTPRequest.defaultTimeoutMs
    /// For a time in which nothing comes or goes; nil for no limit.
    package var idleMs: Int64? = HTTPRequest.defaultIdleMs
    /// The most a body may have, after decompression.
    package var maxBytes = HTTPRequest.defaultMaxBytes
    package var maxRedirects = HTTPRequest.defaultRedirects
    /// Asked before each host is called, the first and every one redirected to; throws to refuse.
    package var permit: @Sendable (WebAddress) throws(AdapterError) -> Void = { _ throws(AdapterError) in }
    /// Gets status and headers of the final answer when its body begins, names in lower case. On the client's only thread: must
    /// not wait. An answer without a body has none to begin.
    package var onHead: (@Sendable (_ status: Int, _ headers: [(name: String, value: String)]) -> Void)?
    /// Gets the pieces of the final body as they come, with the status. On the client's only thread: must not wait.
    package var onChunk: (@Sendable (_ status: Int, _ bytes: [UInt8]) -> Void)?
    /// Repeating it does no harm, whatever the method says.
    package var repeatable = false

    package init(_ method: String, _ url: String, clock: any Clock) {
        self.clock = clock
        self.method = method
        self.url = url
    }

    /// Whether it may be sent again when nobody knows if the first arrived (RFC 9110, 9.2.2).
    var isSafeToRepeat: Bool {
        repeatable || ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(method)
            || headers.contains { $0.name.lowercased() == "idempotency-key" }
    }

    /// What tells the other side who we are, and must therefore not follow a redirect elsewhere.
    static let credentialHeaders: Set<String> = [
        "authorization", "cookie", "proxy-authorization", "x-api-key", "api-key", "mcp-session-id",
    ]

    var hasCredentials: Bool { headers.contains { HTTPRequest.credentialHeaders.contains($0.name.lowercased()) } }

    /// Refuses what could smuggle a second request or header into the connection.
    func validate() throws(AdapterError) {
        let isToken = { (text: String) in
            !text.isEmpty
                && text.utf8.allSatisfy {
                    (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                        || "!#$%&'*+-.^_`|~".utf8.contains($0)
                }
        }
        if !isToken(method) { throw .parameter("\(quoted(method)) is not an HTTP method; use one such as GET or POST") }
        for header in headers {
            if !isToken(header.name) {
                throw .parameter("\(quoted(header.name)) is not a header name; use letters, digits and -")
            }
            if header.value.utf8.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }) {
                // The value may be a key: it is not shown.
                throw .parameter(
                    "the value of the header \(quoted(header.name)) contains a line break or NUL; remove it")
            }
        }
    }
}

package struct HTTPResponse: Sendable {
    package var status: Int
    /// Names in lower case, in the order they came. A header that came several times has its values joined by `, `
    /// (`set-cookie` by a line break, because its values contain commas).
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Where it came from, after redirects.
    package var url: String

    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The wait that `Retry-After` asks for, given as seconds or as a date.
    package func retryAfterMs(now: Int64 = WallClock.nowMs / 1000) -> Int64? {
        guard let text = header("retry-after") else { return nil }
        if let seconds = Int64(text), seconds >= 0 { return min(seconds, 86_400 * 365) * 1000 }
        return HTTPDate.seconds(text).map { max(0, $0 - now) * 1000 }
    }

    /// The error that a status other than success amounts to, for callers who want one.
    package func failure(_ request: HTTPRequest) -> AdapterError? { failure(isSafe: request.isSafeToRepeat) }

    /// - Parameter safe: the request may be sent again when nobody knows if it was carried out.
    func failure(isSafe safe: Bool) -> AdapterError? {
        guard status >= 400 else { return nil }
        let host = (try? WebAddress(url).authority) ?? "the server"
        let said = String(decoding: body.prefix(500), as: UTF8.self)
        let data: [AdapterError.Detail] = [.status(status), .body(said)]
        switch status {
        case 401, 403:
            return AdapterError(
                .unauthorized, "\(host) refused the request (\(status)): check the credentials", data: data)
        case 404: return AdapterError(.notFound, "\(host) has no such thing (404): check the address", data: data)
        case 429:
            return AdapterError(
                .rateLimited, "\(host) wants fewer requests (429): wait and try again", retryable: true,
                retryAfterMs: retryAfterMs(), data: data)
        case 500...:
            return AdapterError(
                .unavailable, "\(host) could not answer (\(status)): try again later", retryable: safe || status == 503,
                retryAfterMs: retryAfterMs(), data: data)
        default: return AdapterError(.http, "\(host) rejected the request (\(status)): check what was sent", data: data)
        }
    }
}

/// Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Seconds since 1970; nil for anything else.
    static func seconds(_ text: String) -> Int64? {
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == ":" })
        guard parts.count == 8, parts[7] == "GMT", let day = Int64(parts[1]),
            let month = months.firstIndex(of: String(parts[2])),
            let year = Int64(parts[3]), let hour = Int64(parts[4]), let minute = Int64(parts[5]),
            let second = Int64(parts[6]),
            (1...31).contains(day), (1970...9999).contains(year), (0...23).contains(hour), (0...59).contains(minute),
            (0...60).contains(second)
        else { return nil }
        return days(year, Int64(month) + 1, day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// Days since 1970 of a date in the Gregorian calendar, counted in eras of 400 years that begin in March.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
