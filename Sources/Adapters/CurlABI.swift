#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The numbers of libcurl's application interface that are used here; they never change within version 4 of the library.
enum CurlOption {
    static let url: Int32 = 10_002
    static let postFields: Int32 = 10_015
    static let userAgent: Int32 = 10_018
    static let customRequest: Int32 = 10_036
    static let noBody: Int32 = 44
    static let post: Int32 = 47
    static let followLocation: Int32 = 52
    static let verifyPeer: Int32 = 64
    static let certificateFile: Int32 = 10_065
    static let get: Int32 = 80
    static let verifyHost: Int32 = 81
    static let certificateDirectory: Int32 = 10_097
    static let noSignal: Int32 = 99
    static let acceptEncoding: Int32 = 10_102
    static let connectTimeoutMs: Int32 = 156
    static let protocols: Int32 = 181
}

enum CurlInfo {
    static let responseCode: Int32 = 0x200000 + 2
    static let osErrno: Int32 = 0x200000 + 25
    static let redirectURL: Int32 = 0x100000 + 31
}

/// `CURLPROTO_HTTP | CURLPROTO_HTTPS`.
let curlWebProtocols = 3

/// What a transfer's result code means to the caller; one row per group of codes.
enum CurlFailure {
    /// - Parameters:
    ///   - osErrno: the system's own error of the connection attempt, 0 without one.
    ///   - safe: repeating the request does no harm.
    static func error(_ code: Int32, osErrno: Int, _ address: String, _ reason: String, safe: Bool) -> AdapterError {
        let data: [AdapterError.Detail] = [.host(address)]
        switch code {
        case 1, 3:
            return AdapterError(
                .invalidURL, "the address of \(address) cannot be used (\(reason)); check it", data: data)
        case 5, 6:
            return AdapterError(
                .couldNotResolve, "could not find \(address): check its name, the network and the proxy settings",
                retryable: true,
                data: data)
        case 7:
            return AdapterError(
                .connectionRefused,
                "could not connect to \(address): \(connectReason(osErrno)); check that it runs and the port",
                retryable: true, data: data)
        case 28:
            return AdapterError(
                .timeout, "\(address) did not take the connection in time: check the network, or try again later",
                retryable: true,
                data: data)
        case 35, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98:
            return AdapterError(
                .tlsFailed,
                "no secure connection to \(address) (\(reason)): check its certificate, or name your authority's in SSL_CERT_FILE",
                data: data)
        case 8, 16, 18, 52, 55, 56, 61, 92, 95:
            return AdapterError(
                .connectionDropped, "the connection to \(address) broke (\(reason)): try again", retryable: safe,
                data: data)
        default:
            return AdapterError(.http, "the request to \(address) failed (\(reason), curl \(code))", data: data)
        }
    }

    private static func connectReason(_ number: Int) -> String {
        number == 0 ? "nobody answers" : String(cString: strerror(Int32(number)))
    }
}
