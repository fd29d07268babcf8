import Adapters
import Machine
import Reader
import Sluice
import Values

/// The source files that words of the command line stand for.
enum SourceFiles {
    /// The files with code below a folder, in the order of their names; hidden folders and links to folders are left out.
    static func below(_ folder: String) throws(Fault) -> [String] {
        var literal = ""
        for character in folder {
            if "*?[{\\".contains(character) { literal += "\\" }
            literal.append(character)
        }
        let base = folder == "." ? "" : literal.hasSuffix("/") ? literal : literal + "/"
        do throws(AdapterError) {
            return try Glob(base + "**/*.{slu,cljc,clj}").expand(cancel: CancelFlag()).sorted {
                $0.utf8.lexicographicallyPrecedes($1.utf8)
            }
        } catch {
            throw .of(.io, error.message)
        }
    }
}
