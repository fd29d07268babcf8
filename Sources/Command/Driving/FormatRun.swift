import Adapters
import Compiler
import Machine
import Reader
import Sluice
import Values

/// One `fmt`: each file is read, formatted, and written back when that changed it.
struct FormatRun {
    private let paths: [String]
    private let checkOnly: Bool
    private let console: Console

    init(_ paths: [String], checkOnly: Bool, _ console: Console) {
        self.paths = paths
        self.checkOnly = checkOnly
        self.console = console
    }

    func perform() -> Int32 {
        var code = ExitCode.done
        for path in paths {
            do throws(Fault) {
                for file in Files.isDirectory(path) ? try SourceFiles.below(path) : [path] {
                    code = max(code, format(file))
                }
            } catch {
                code = max(code, report(error))
            }
        }
        return code.rawValue
    }

    /// Formats one file; what is wrong with it keeps no other from being formatted.
    private func format(_ path: String) -> ExitCode {
        do throws(Fault) {
            let source = path == "-" ? try SourceFile.readStandardInput() : try SourceFile.read(path)
            let formatted: [UInt8]
            do throws(SyntaxError) {
                formatted = try SourceFormatter.format(source, isData: path.hasSuffix(".edn"))
            } catch {
                throw error.located
            }
            return try deliver(formatted, source, path)
        } catch {
            return report(error)
        }
    }

    private func deliver(_ formatted: [UInt8], _ source: Source, _ path: String) throws(Fault) -> ExitCode {
        let isSame = formatted == source.bytes
        if checkOnly {
            if !isSame { console.write("\(source.name)\n", to: .output) }
            return isSame ? .done : .failed
        }
        if path == "-" {
            console.write(formatted, to: .output)
        } else if !isSame {
            do throws(AdapterError) { try FileSystem().write(path, formatted, cancel: CancelFlag()) } catch {
                throw .of(.io, error.message)
            }
            console.write("formatted \(path)\n", to: .output)
        }
        return .done
    }

    /// A file that cannot be read or written is unusable, whatever the reason.
    private func report(_ fault: Fault) -> ExitCode {
        _ = FaultReport.write(fault, console)
        return .unusable
    }
}

extension ExitCode: Comparable {
    /// By how bad they are, for a command that does several things.
    package static func < (one: ExitCode, other: ExitCode) -> Bool { one.rawValue < other.rawValue }
}
