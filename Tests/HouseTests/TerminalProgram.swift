import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program with a terminal of its own, in a session of its own, as a terminal window would start it.
final class TerminalProgram {
    let terminal: PseudoTerminal
    let identifier: pid_t
    private var code: Int32?

    /// - Parameters:
    ///   - environment: what to add to a small one.
    ///   - output: a file for standard output instead of the terminal.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], folder: URL,
        columns: Int = 80, output: URL? = nil
    ) throws {
        terminal = try PseudoTerminal(columns: columns)
        var all = ["PATH": "/usr/bin:/bin", "TERM": "xterm", "HOME": folder.path, "LC_ALL": "C.UTF-8"]
        all.merge(environment) { $1 }
        #if canImport(Glibc)
            var (actions, attributes) = (posix_spawn_file_actions_t(), posix_spawnattr_t())
            let newSession: Int16 = 0x80
        #else
            var (actions, attributes): (posix_spawn_file_actions_t?, posix_spawnattr_t?)
            let newSession = Int16(POSIX_SPAWN_SETSID)
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that the leader of a session opens becomes the session's own.
        posix_spawn_file_actions_addopen(&actions, 0, terminal.path, O_RDWR, 0)
        if let output {
            posix_spawn_file_actions_addopen(&actions, 1, output.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        } else {
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
        }
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | newSession)
        // A shell changes the folder: the system's own way to is not everywhere.
        let shell = ["/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", folder.path, program]
        var words: [UnsafeMutablePointer<CChar>?] = (shell + arguments).map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = all.map { strdup("\($0)=\($1)") } + [nil]
        defer { (words + variables).forEach { free($0) } }
        var identifier: pid_t = 0
        let failed = posix_spawn(&identifier, shell[0], &actions, &attributes, &words, &variables)
        try #require(failed == 0, "\(String(cString: strerror(failed)))")
        self.identifier = identifier
    }

    /// The program as built.
    static func sluice(
        _ arguments: [String], environment: [String: String] = [:], folder: URL, columns: Int = 80, output: URL? = nil
    ) throws -> TerminalProgram {
        try TerminalProgram(
            try Repository.program.path, arguments, environment: environment, folder: folder,
            columns: columns, output: output)
    }

    deinit {
        guard code == nil else { return }
        kill(identifier, SIGKILL)
        waitpid(identifier, nil, 0)
    }

    func signal(_ number: Int32) { kill(identifier, number) }

    /// Waits for its end, reading what it writes: its exit code, or minus the signal that ended it; nil when it goes on.
    func end(within seconds: Int = 20) -> Int32? {
        _ = terminal.wait(seconds) { _ in ended() != nil }
        terminal.look()
        return code
    }

    /// Its end, if it has come, without waiting and without reading what it writes.
    func ended() -> Int32? {
        var status: Int32 = 0
        if code == nil, waitpid(identifier, &status, WNOHANG) == identifier {
            code = status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
        }
        return code
    }

    // MARK: What a person does and sees

    func type(_ text: String) { terminal.type(text) }

    var lines: [String] { terminal.screen.lines }

    /// Waits until the line that the cursor is in reads so; blanks at its end do not count.
    func shows(_ line: String, _ place: SourceLocation = #_sourceLocation) {
        let isShown = terminal.wait { $0.current == line }
        #expect(isShown, "\(lines.suffix(12))", sourceLocation: place)
    }

    /// Waits until some line reads so.
    func showed(_ line: String, _ place: SourceLocation = #_sourceLocation) {
        let isShown = terminal.wait { $0.lines.contains(line) }
        #expect(isShown, "\(lines.suffix(12))", sourceLocation: place)
    }
}
