import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// What the system says of another process, where it says so in files.
struct ProcessStatus {
    private let folder: String

    init(_ identifier: pid_t) { folder = "/proc/\(identifier)" }

    static let isKnown = FileManager.default.fileExists(atPath: "/proc/self/stat")

    /// Processor time used so far, in hundredths of a second.
    var cpuTicks: Int {
        // Fields are counted behind the name, which may hold anything.
        let fields = text("stat").split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
    }

    /// Kilobytes in memory.
    var residentKB: Int {
        let line = text("status").split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }

    private func text(_ file: String) -> String {
        (try? String(contentsOfFile: folder + "/" + file, encoding: .utf8)) ?? ""
    }
}
