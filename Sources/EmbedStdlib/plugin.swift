//! EmbedStdlib: the build plug-in that runs `EmbedTool` over the library's files. Their paths come in; one Swift file goes out.

// Foundation, because the package manager tells a plug-in of files in its URLs alone; it never becomes part of the program.
import Foundation
import PackagePlugin

/// Embeds the library's files into the target they belong to, whenever one of them changes.
@main struct EmbedStdlib: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        let root = target.directoryURL
        var files: [URL] = []
        if let walk = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil) {
            for case let file as URL in walk where file.pathExtension == "slu" { files.append(file) }
        }
        files.sort { $0.path < $1.path }
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedLibrary.swift")
        return [
            .buildCommand(
                displayName: "Embedding the standard library", executable: try context.tool(named: "EmbedTool").url,
                arguments: [output.path, root.path] + files.map(\.path), inputFiles: files, outputFiles: [output])
        ]
    }
}
