# libcouncilws: every module in one shared library that exports cws_ names only.
set(CWS_MODULES cws_server cws_api cws_web cws_ws cws_http cws_hub cws_store cws_auth cws_net cws_base cws_client cws_event cws_summary cws_core)

add_library(councilws SHARED)
set_target_properties(councilws PROPERTIES
  LINKER_LANGUAGE C VERSION ${PROJECT_VERSION} SOVERSION 1
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/lib/libcouncilws.map)
foreach(module IN LISTS CWS_MODULES)
  target_sources(councilws PRIVATE $<TARGET_OBJECTS:${module}>)
endforeach()
target_link_libraries(councilws PRIVATE
  PkgConfig::LWS PkgConfig::LIBUV PkgConfig::CURL PkgConfig::JANSSON PkgConfig::JOSE
  PkgConfig::OPENSSL PkgConfig::SQLITE PkgConfig::ZLIB ${HTTP_PARSER_LIBRARY} Threads::Threads m
  $<$<BOOL:${CWS_WITH_NATS}>:PkgConfig::NATS>)
target_link_options(councilws PRIVATE
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/lib/libcouncilws.map)
if(CWS_SANITIZE) # clang keeps the sanitizer's own symbols in the program
  target_link_options(councilws PRIVATE -Wl,--undefined-version -fsanitize=${CWS_SANITIZE} -fuse-ld=gold)
else()
  target_link_options(councilws PRIVATE -Wl,--no-undefined)
endif()
target_include_directories(councilws PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lib/include>
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# cws_library: what the command links to. UBSan notes the place of each of its checks, a pointer to be relocated at every
# start: a third of what a start costs, and the tests start thousands. A program at a fixed address with the library
# inside has none.
add_library(cws_library INTERFACE)
if(CWS_SANITIZE MATCHES address)
  target_link_libraries(cws_library INTERFACE ${CWS_MODULES})
else()
  target_link_libraries(cws_library INTERFACE councilws)
endif()

# ---- installing ----
include(CMakePackageConfigHelpers)
add_library(councilws::councilws ALIAS councilws)
install(TARGETS councilws EXPORT councilwsTargets
        LIBRARY COMPONENT library NAMELINK_COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/lib/include/councilws ${PROJECT_BINARY_DIR}/include/councilws
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
install(EXPORT councilwsTargets NAMESPACE councilws::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/councilws COMPONENT development)
configure_file(${PROJECT_SOURCE_DIR}/cmake/councilwsConfig.cmake.in councilwsConfig.cmake @ONLY)
write_basic_package_version_file(councilwsConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/councilwsConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/councilwsConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/councilws COMPONENT development)
configure_file(${PROJECT_SOURCE_DIR}/cmake/councilws.pc.in councilws.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/councilws.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development
        PATTERN "CMakeLists.txt" EXCLUDE)
