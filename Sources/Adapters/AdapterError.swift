import Engine
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Every code an adapter can fail with.
package enum AdapterCode: String, CaseIterable, Sendable {
    // any family
    case invalidParameter = "invalid_parameter"
    case cancelled
    case timeout
    case notAllowed = "not_allowed"
    case tooLarge = "too_large"
    // files
    case notFound = "not_found"
    case permissionDenied = "permission_denied"
    case isDirectory = "is_directory"
    case notDirectory = "not_directory"
    case alreadyExists = "already_exists"
    case notEmpty = "not_empty"
    case noSpace = "no_space"
    case readOnly = "read_only"
    case tooManyOpen = "too_many_open_files"
    case symlinkLoop = "symlink_loop"
    case nameTooLong = "name_too_long"
    case notRegular = "not_a_regular_file"
    case invalidUTF8 = "invalid_utf8"
    case io = "io_error"
    // HTTP
    case libraryMissing = "library_missing"
    case invalidURL = "invalid_url"
    case couldNotResolve = "could_not_resolve"
    case connectionRefused = "connection_refused"
    case connectionDropped = "connection_dropped"
    case tlsFailed = "tls_failed"
    case tooManyRedirects = "too_many_redirects"
    case insecureRedirect = "insecure_redirect"
    case http = "http_error"
    case invalidJSON = "invalid_json"
    case truncatedJSON = "truncated_json"
    // chat
    case unauthorized
    case rateLimited = "rate_limited"
    case unavailable
    case badRequest = "bad_request"
    case modelNotFound = "model_not_found"
    case contentFilter = "content_filter"
    case contextLength = "context_length"
    case quotaExceeded = "quota_exceeded"
    // programs
    case programNotFound = "program_not_found"
    case couldNotStart = "could_not_start"
    case programFailed = "program_failed"
    // servers of tools
    case mcpError = "mcp_error"
    case mcpToolError = "mcp_tool_error"
    case mcpProtocol = "mcp_protocol_error"
    case mcpServerEnded = "mcp_server_ended"
}

/// Why an adapter could not do what it was asked: a code to branch on and a sentence that says what to do next.
package struct AdapterError: Error, Equatable, Sendable {
    package var code: AdapterCode
    package var message: String
    /// Whether the same request may succeed later and can be repeated without doing anything twice.
    package var retryable: Bool
    /// How long the other side asked to be left alone.
    package var retryAfterMs: Int64?
    /// What a program may want to know: the path, the status, the exit code.
    package var data: [Detail]

    package enum Detail: Equatable, Sendable {
        case path(String)
        case status(Int)
        case host(String)
        case exit(Int)
        case body(String)
        case out(String)
        case err(String)
        /// What another program gave, under a name of its own.
        case given(KnownName, ValueKey)

        /// Data of JSON is realised, so that its hash can be taken; nil for anything else.
        static func given(_ name: KnownName, _ value: Value?) -> Detail? {
            guard let value, let key = try? ValueKey(value) else { return nil }
            return .given(name, key)
        }
    }

    package init(
        _ code: AdapterCode, _ message: String, retryable: Bool = false, retryAfterMs: Int64? = nil, data: [Detail] = []
    ) {
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retryAfterMs = retryAfterMs
        self.data = data
    }

    static let cancelled = AdapterError(.cancelled, "the work was cancelled")

    static func parameter(_ message: String) -> AdapterError { AdapterError(.invalidParameter, message) }
}

/// What each errno of a file operation means to the person who reads it; one row per errno.
private struct FileFailure {
    let number: Int32
    let code: AdapterCode
    let what: String
    let next: String
    var retryable = false

    static let table: [FileFailure] = [
        FileFailure(number: ENOENT, code: .notFound, what: "no such file or directory", next: "check the path"),
        FileFailure(
            number: EACCES, code: .permissionDenied, what: "permission denied",
            next: "check the owner and mode of the file and of its directory"),
        FileFailure(
            number: EPERM, code: .permissionDenied, what: "operation not permitted",
            next: "check the owner and attributes of the file"),
        FileFailure(number: EISDIR, code: .isDirectory, what: "it is a directory", next: "name a file in it"),
        FileFailure(
            number: ENOTDIR, code: .notDirectory, what: "a part of the path is not a directory", next: "check the path"),
        FileFailure(number: EEXIST, code: .alreadyExists, what: "it exists already", next: "choose another name"),
        FileFailure(
            number: ENOTEMPTY, code: .notEmpty, what: "the directory is not empty",
            next: "pass :recursive? true to delete what is in it"),
        FileFailure(
            number: ENOSPC, code: .noSpace, what: "no space is left on the disk", next: "free some and try again",
            retryable: true),
        FileFailure(
            number: EDQUOT, code: .noSpace, what: "the disk quota is used up", next: "free some space and try again",
            retryable: true),
        FileFailure(
            number: EROFS, code: .readOnly, what: "the file system is read-only",
            next: "choose a place that can be written"),
        FileFailure(
            number: EMFILE, code: .tooManyOpen, what: "too many files are open",
            next: "run fewer effects at once or raise `ulimit -n`", retryable: true),
        FileFailure(
            number: ENFILE, code: .tooManyOpen, what: "the system has too many open files", next: "try again later",
            retryable: true),
        FileFailure(
            number: ELOOP, code: .symlinkLoop, what: "symbolic links lead in a circle",
            next: "check the links on the path"),
        FileFailure(
            number: ENAMETOOLONG, code: .nameTooLong, what: "the name is too long", next: "choose a shorter one"),
        FileFailure(number: EFBIG, code: .tooLarge, what: "the file would become too large", next: "split it"),
    ]
}

extension AdapterError {
    /// The error for `number` (an errno) after `operation` ("read", "write" …) on `path`.
    static func file(_ operation: String, _ path: String, _ number: Int32) -> AdapterError {
        if let row = FileFailure.table.first(where: { $0.number == number }) {
            return AdapterError(
                row.code, "could not \(operation) \(quoted(path)): \(row.what); \(row.next)", retryable: row.retryable,
                data: [.path(path)])
        }
        return AdapterError(
            .io, "could not \(operation) \(quoted(path)): \(String(cString: strerror(number))); check the disk",
            data: [.path(path)])
    }
}

/// A path or an argument as a message shows it: quoted, without control characters, not longer than a line.
func quoted(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars.prefix(200) {
        shown.unicodeScalars.append(scalar.value < 32 || scalar.value == 127 ? "\u{fffd}" : scalar)
    }
    return "\"\(shown)\(text.unicodeScalars.count > 200 ? "…" : "")\""
}
