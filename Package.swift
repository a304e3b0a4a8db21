// swift-tools-version: 6.3

import PackageDescription

// The hosted build: Swift API, command-line tool, tests. The libraries that programs preload or link
// from C (OmegaDropIn, OmegaCABI) are Embedded Swift and are built from the same folders by the
// Makefile, so no target here names them.
let strict: [SwiftSetting] = [.strictMemorySafety()]

let package = Package(
  name: "omega-ipc",
  products: [
    .library(name: "OmegaIPC", targets: ["OmegaIPC"]),
    .executable(name: "omega", targets: ["omega"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "COmegaLinux"),
    .target(name: "OmegaEngine", swiftSettings: strict),
    .target(
      name: "OmegaLinux", dependencies: ["OmegaEngine", "COmegaLinux"], swiftSettings: strict),
    // Lifetimes: memory hands out spans that cannot outlive it.
    .target(
      name: "OmegaIPC", dependencies: ["OmegaLinux", "OmegaEngine"],
      swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
    .target(name: "COmegaSimulation"),
    // The engine's own sources (Engine is a link to them) over an image of the simulation's.
    .target(
      name: "OmegaSimulation", dependencies: ["COmegaSimulation"],
      exclude: ["Engine/Image/Image.swift", "Engine/Image/ImageWindow.swift"], swiftSettings: strict
    ),
    .executableTarget(
      name: "omega",
      dependencies: [
        "OmegaIPC", "OmegaLinux", "OmegaEngine",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // The Swift API against the C library, as ratios; its main.swift says how to run it.
    .executableTarget(name: "omega-swift-bench", dependencies: ["OmegaIPC"]),
    .testTarget(name: "OmegaEngineTests", dependencies: ["OmegaSimulation"]),
    .testTarget(name: "OmegaIPCTests", dependencies: ["OmegaIPC"]),
  ],
  swiftLanguageModes: [.v6]
)
